#pragma once
// What Admin's calls share: one connection, whose thread they wait for.

#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/section.h"
#include "takt/admin.h"
#include "worker-sdk/cpp/src/connection.h"
#include "worker-sdk/cpp/src/refusal.h"

namespace takt {

/// A reply with its sections.
struct Answer {
  proto::Reply reply;
  SharedBytes metadata;
  SharedBytes payload;
};

class Admin::Body final : public sdk::ConnectionOwner {
 public:
  Body(AdminOptions options, const std::string& address) : options_(std::move(options)), connection_(address, session_options(), *this) {
    connection_.start();
  }
  ~Body() override {
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
    }
    connection_.wake();
    connection_.join();
  }

  /// Sends `request` and waits for its reply; `extra` is added to the timeout.
  Result<Answer> ask(proto::Request request, Duration extra = {}) { return ask(std::move(request), {}, extra); }
  Result<Answer> ask(proto::Request request, proto::Sections sections, Duration extra = {}) {
    std::unique_lock lock(mutex_);
    const sdk::TicketId ticket(++last_ticket_);
    queued_.push_back({ticket, std::move(request), std::move(sections), sdk::read_clock().mono + options_.timeout + extra});
    connection_.wake();
    answered_.wait(lock, [&] { return answers_.contains(ticket); });
    Result<Answer> answer = std::move(answers_.at(ticket));
    answers_.erase(ticket);
    return answer;
  }
  std::optional<proto::HelloReply> broker() const {
    const std::lock_guard lock(mutex_);
    return broker_;
  }

  void feed(sdk::Session& session, Now now) override {
    std::vector<Queued> queued;
    bool leaving = false;
    {
      const std::lock_guard lock(mutex_);
      queued.swap(queued_);
      leaving = leaving_;
    }
    for (Queued& one : queued) session.request(one.ticket, std::move(one.request), std::move(one.sections), one.deadline, now);
    if (leaving && !leave_until_) {
      leave_until_ = now.mono + goodbye_timeout;
      session.goodbye();
    }
  }
  void handle(sdk::Event event, sdk::Session&, Now) override {
    if (auto* reply = std::get_if<sdk::RequestAnswered>(&event)) {
      put(reply->ticket, Answer{std::move(reply->reply), std::move(reply->metadata), std::move(reply->payload)});
    } else if (auto* refusal = std::get_if<sdk::RequestFailed>(&event)) {
      put(refusal->ticket, tl::make_unexpected(std::move(refusal->error)));
    } else if (auto* greeting = std::get_if<sdk::Greeted>(&event)) {
      const std::lock_guard lock(mutex_);
      broker_ = greeting->broker;
    } else if (std::holds_alternative<sdk::SaidGoodbye>(event)) {
      left_ = true;
    }
  }
  std::optional<Time> deadline() const override { return leave_until_; }
  bool finished(const sdk::Session&, Now now) override { return left_ || (leave_until_ && *leave_until_ <= now.mono); }

 private:
  static constexpr Duration goodbye_timeout = std::chrono::seconds(1);
  struct Queued {
    sdk::TicketId ticket;
    proto::Request request;
    proto::Sections sections;
    Time deadline;
  };

  sdk::SessionOptions session_options() const {
    sdk::SessionOptions session;
    session.client = ClientId(sdk::random_number());
    session.producer = ProducerId(sdk::random_number());
    session.kind = proto::ClientKind::kTool;
    session.name = options_.name;
    return session;
  }
  void put(sdk::TicketId ticket, Result<Answer> answer) {
    const std::lock_guard lock(mutex_);
    answers_.emplace(ticket, std::move(answer));
    answered_.notify_all();
  }

  const AdminOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  std::vector<Queued> queued_;
  std::unordered_map<sdk::TicketId, Result<Answer>> answers_;
  std::uint64_t last_ticket_ = 0;
  std::optional<proto::HelloReply> broker_;
  bool leaving_ = false;

  // Network thread only.
  std::optional<Time> leave_until_;
  bool left_ = false;

  sdk::Connection connection_;  ///< last: its thread uses all of the above
};

/// The reply of type T, else why there is none.
template <class T>
Result<T> expect(Result<Answer>& answer) {
  if (!answer) return tl::make_unexpected(answer.error());
  if (auto* reply = std::get_if<T>(&answer->reply)) return std::move(*reply);
  return tl::make_unexpected(sdk::make_error(ErrorCode::kUnknownType, "the broker sent an answer of another kind", ErrorOutcome::kFailed));
}

}  // namespace takt
