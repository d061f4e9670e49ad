#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "broker/http/connections.h"

namespace takt::http {

/// The one request of a connection and its answer, as httplib reads and writes them. Bounds: 16 KiB of request, read
/// within 5 s; 5 s for the answer, from its first byte on. Beyond them reads and writes fail.
class RequestStream final : public httplib::Stream {
 public:
  RequestStream(int socket, Connections& connections);

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override;
  ssize_t write(const char* from, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;   ///< neither is told
  void get_local_ip_and_port(std::string& ip, int& port) const override;    ///< neither is told
  socket_t socket() const override { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool wait(short events, Clock::time_point until);

  const int socket_;
  Connections& connections_;
  const Clock::time_point read_until_;
  std::optional<Clock::time_point> write_until_;
  std::size_t left_;                       ///< of the request's bytes
  std::array<char, 4096> buffer_{};        ///< httplib asks for one byte at a time
  std::size_t at_ = 0, end_ = 0;           ///< of buffer_
};

}  // namespace takt::http
