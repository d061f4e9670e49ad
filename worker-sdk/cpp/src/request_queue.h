#pragma once
// Requests with one answer each: the administration's.

#include <map>
#include <optional>
#include <unordered_map>

#include "proto/section.h"
#include "worker-sdk/cpp/src/outlet.h"
#include "worker-sdk/cpp/src/publish_window.h"

namespace takt::sdk {

class RequestQueue {
 public:
  explicit RequestQueue(Outlet& outlet) : outlet_(outlet) {}

  /// `sections` are those of a request that has them.
  void add(TicketId ticket, proto::Request request, proto::Sections sections, Time deadline);
  void link_up() { live_ = true; }
  /// Reads are asked again on the next link; a change that was sent is answered as unknown.
  void link_down(std::string_view why);
  bool answered(CorrelationId correlation, proto::Reply reply, SharedBytes metadata, SharedBytes payload);
  PublishWindow::Refused refused(CorrelationId correlation, const proto::Error& error, Time now);
  void advance(Time now);
  std::optional<Time> next_deadline() const;
  void abandon(ErrorCode code, const std::string& message);

 private:
  struct Pending {
    proto::Request request;
    SharedBytes metadata;
    SharedBytes payload;
    Time deadline;
    std::optional<CorrelationId> in_flight;
    std::optional<Time> not_before;
    unsigned tries = 0;
    std::optional<Error> refusal;
  };
  void fail(TicketId ticket, Error error);
  Error over_deadline(const Pending& one) const;

  Outlet& outlet_;
  std::map<TicketId, Pending> pending_;
  std::unordered_map<CorrelationId, TicketId> in_flight_;
  bool live_ = false;
  std::string link_trouble_ = "no connection yet";
};

}  // namespace takt::sdk
