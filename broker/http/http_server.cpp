#include "broker/http/http_server.h"

#include <httplib.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

namespace takt::http {
namespace {

constexpr std::size_t threads = 4;
constexpr std::size_t waiting_max = 64;
constexpr std::size_t body_bytes_max = 8 * 1024;
constexpr time_t patience_seconds = 5;

/// httplib's pool has no bound. Above ours the accepting thread serves the request itself, so the next ones wait in the
/// kernel's backlog.
class BoundedPool final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    if (waiting_.load() >= waiting_max) return task();
    ++waiting_;
    pool_.enqueue([this, task = std::move(task)] {
      --waiting_;
      task();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::atomic<std::size_t> waiting_ = 0;
  httplib::ThreadPool pool_{threads};
};

void show(const std::function<Page()>& make, httplib::Response& response) {
  const Page page = make();
  response.status = page.status;
  response.set_content(page.body, page.content_type.c_str());
}

}  // namespace

class HttpServer::Body {
 public:
  explicit Body(Pages pages) : pages_(std::move(pages)) {
    server_.new_task_queue = [] { return new BoundedPool; };   // httplib owns it
    server_.set_payload_max_length(body_bytes_max);
    server_.set_read_timeout(patience_seconds);
    server_.set_write_timeout(patience_seconds);
    server_.set_keep_alive_max_count(1);   // a thread waits for as long as a kept connection idles
    // httplib would share the port with another process (SO_REUSEPORT).
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) { show(pages_.metrics, response); });
    server_.Get("/livez", [this](const httplib::Request&, httplib::Response& response) { show(pages_.live, response); });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) { show(pages_.ready, response); });
  }
  ~Body() {
    if (!thread_.joinable()) return;
    while (!server_.is_running()) std::this_thread::yield();   // stop() before the loop has begun would be lost
    server_.stop();
  }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  bool bind(const std::string& host, std::uint16_t port) {
    errno = 0;
    const int bound = port == 0 ? server_.bind_to_any_port(host) : (server_.bind_to_port(host, port) ? port : -1);
    port_ = static_cast<std::uint16_t>(bound > 0 ? bound : 0);
    return bound > 0;
  }
  void start() {
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
  }
  std::uint16_t port() const { return port_; }

 private:
  const Pages pages_;
  httplib::Server server_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Body> body) : body_(std::move(body)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>, std::string> HttpServer::open(const std::string& host, std::uint16_t port, Pages pages) {
  auto body = std::make_unique<Body>(std::move(pages));
  if (!body->bind(host, port)) {
    const std::string reason = errno != 0 ? std::string(": ") + std::strerror(errno) : std::string();
    return failed("cannot listen on " + host + ":" + std::to_string(port) + " for HTTP" + reason +
                  "; another process may have the port: choose another (key http; port 0 lets the system choose, off leaves HTTP out)");
  }
  body->start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(body)));
}

std::uint16_t HttpServer::port() const { return body_->port(); }

}  // namespace takt::http
