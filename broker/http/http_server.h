#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proto/result.h"

namespace takt::http {

struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// What the server shows; called on the server's threads, a few at once.
struct Pages {
  /// /metrics; told how many connections were closed so far because a bound was reached.
  std::function<Page(std::uint64_t refused)> metrics;
  std::function<Page()> live;    ///< /livez
  std::function<Page()> ready;   ///< /readyz
};

/// Health and metrics over HTTP, read-only. Bounds: 16 threads; 256 connections waiting for one, further ones are closed;
/// per connection one request, of at most 16 KiB and 5 s with headers and body, and 5 s for its answer. While connections
/// wait, the peer that a thread has been waiting for the longest is cut off.
class HttpServer {
 public:
  /// Binds and serves from a thread of its own. Port 0: the system chooses. The error says what and what to do.
  static Result<std::unique_ptr<HttpServer>, std::string> open(const std::string& host, std::uint16_t port, Pages pages);
  ~HttpServer();

  std::uint16_t port() const;

 private:
  class Body;
  explicit HttpServer(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace takt::http
