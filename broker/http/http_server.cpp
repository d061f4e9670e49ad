#include "broker/http/http_server.h"

#include <httplib.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "broker/http/connections.h"
#include "broker/http/request_stream.h"

namespace takt::http {
namespace {

constexpr std::size_t threads = 16;
constexpr std::size_t waiting_max = 256;
constexpr int backlog = 128;

thread_local bool is_refused = false;   // the connection that this thread is about to take was one too many

/// httplib's pool has no bound.
class BoundedPool final : public httplib::TaskQueue {
 public:
  explicit BoundedPool(Connections& connections) : connections_(connections) {}
  void enqueue(std::function<void()> task) override {
    if (!connections_.queued(waiting_max)) {
      is_refused = true;   // only the task knows the socket, so it has to run for the socket to be closed
      task();
      is_refused = false;
      return;
    }
    pool_.enqueue([this, task = std::move(task)] {
      connections_.begun();
      task();
      connections_.ended();
    });
  }
  void shutdown() override {
    connections_.close();
    pool_.shutdown();
  }

 private:
  Connections& connections_;
  httplib::ThreadPool pool_{threads};
};

/// httplib bounds neither how many headers a request has, nor a chunked body, nor the time that both take
/// (docs/decisions/0006-http-requests-are-bounded-at-the-socket.md).
class BoundedServer final : public httplib::Server {
 public:
  BoundedServer() {
    new_task_queue = [this] { return new BoundedPool(connections_); };   // httplib owns it
  }
  std::uint64_t refused() const { return connections_.refused(); }

 private:
  bool process_and_close_socket(socket_t socket) override {
    bool was_served = false;
    if (!is_refused) {
      RequestStream stream(socket, connections_);
      bool is_closed = false;
      was_served = process_request(stream, true, is_closed, nullptr);
    }
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return was_served;
  }

  Connections connections_{threads};
};

void show(const Page& page, httplib::Response& response) {
  response.status = page.status;
  response.set_content(page.body, page.content_type.c_str());
}

}  // namespace

class HttpServer::Body {
 public:
  explicit Body(Pages pages) : pages_(std::move(pages)) {
    // httplib would share the port with another process (SO_REUSEPORT).
    server_.set_socket_options([this](socket_t socket) {
      listener_ = socket;
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.Get("/metrics",
                [this](const httplib::Request&, httplib::Response& response) { show(pages_.metrics(server_.refused()), response); });
    server_.Get("/livez", [this](const httplib::Request&, httplib::Response& response) { show(pages_.live(), response); });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) { show(pages_.ready(), response); });
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
    // httplib lets five wait to be accepted; who finds no place is silent for a second.
    if (bound > 0) ::listen(listener_, backlog);
    return bound > 0;
  }
  void start() {
    thread_ = std::jthread([this] {
      pthread_setname_np(pthread_self(), "takt-http");   // its pool has the name from it
      server_.listen_after_bind();
    });
  }
  std::uint16_t port() const { return port_; }

 private:
  const Pages pages_;
  BoundedServer server_;
  socket_t listener_ = INVALID_SOCKET;   // httplib's
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
