// beanstalkd: put; reserve-with-timeout and delete, many commands in flight on one connection, which serves them in order.

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/peer.h"

namespace takt::bench {
namespace {

class Connection {
 public:
  explicit Connection(const PeerOptions& options) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found) != 0)
      throw std::runtime_error("beanstalkd: no such host");
    fd_ = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    const int result = connect(fd_, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (result != 0) {
      close(fd_);
      throw std::runtime_error("beanstalkd: no connection");
    }
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void append(std::string_view text) { out_ += text; }
  void flush() {
    for (std::size_t sent = 0; sent < out_.size();) {
      const ssize_t n = ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) throw std::runtime_error("beanstalkd: the connection ended");
      sent += static_cast<std::size_t>(n);
    }
    out_.clear();
  }
  /// Up to the end of a line, which is taken too. The view lives until the next call.
  std::string_view line() {
    std::size_t end = 0;
    while ((end = in_.find("\r\n", read_)) == std::string::npos) receive();
    const std::string_view line(in_.data() + read_, end - read_);
    read_ = end + 2;
    return line;
  }
  /// A body and its end of line.
  std::string_view body(std::size_t size) {
    while (in_.size() - read_ < size + 2) receive();
    const std::string_view body(in_.data() + read_, size);
    read_ += size + 2;
    return body;
  }

 private:
  void receive() {
    in_.erase(0, std::exchange(read_, 0));
    std::array<char, 65536> chunk{};
    const ssize_t n = recv(fd_, chunk.data(), chunk.size(), 0);
    if (n <= 0) throw std::runtime_error("beanstalkd: the connection ended");
    in_.append(chunk.data(), static_cast<std::size_t>(n));
  }

  int fd_ = -1;
  std::string out_;
  std::string in_;
  std::size_t read_ = 0;
};

void expect(std::string_view line, std::string_view begin) {
  if (!line.starts_with(begin)) throw std::runtime_error("beanstalkd: " + std::string(line) + ", not " + std::string(begin));
}

class BeanstalkdProducer final : public Producer {
 public:
  explicit BeanstalkdProducer(const PeerOptions& options) : connection_(options) {}

  void send(std::string_view payload) override {
    connection_.append("put 0 0 600 " + std::to_string(payload.size()) + "\r\n");
    connection_.append(payload);
    connection_.append("\r\n");
    ++unconfirmed_;
  }
  void flush() override { connection_.flush(); }
  void settle(std::size_t unconfirmed) override {
    if (unconfirmed_ > unconfirmed) flush();
    for (; unconfirmed_ > unconfirmed; --unconfirmed_) expect(connection_.line(), "INSERTED ");
  }

 private:
  Connection connection_;
  std::size_t unconfirmed_ = 0;
};

class BeanstalkdConsumer final : public Consumer {
 public:
  explicit BeanstalkdConsumer(const PeerOptions& options) : connection_(options), take_(options.take) {}

  /// The deletes of the last jobs and the wishes for the next travel together. Only the first wish waits: a command waits
  /// behind those before it.
  std::size_t take(const Handle& handle) override {
    const std::size_t deleting = append_deletes();
    connection_.append("reserve-with-timeout 1\r\n");
    for (std::size_t i = 1; i < take_; ++i) connection_.append("reserve-with-timeout 0\r\n");
    connection_.flush();
    read_deletes(deleting);
    std::size_t came = 0;
    for (std::size_t i = 0; i < take_; ++i) came += take_one(handle);
    return came;
  }
  void finish() override {
    const std::size_t deleting = append_deletes();
    connection_.flush();
    read_deletes(deleting);
  }

 private:
  std::size_t take_one(const Handle& handle) {
    const std::string_view line = connection_.line();
    if (line == "TIMED_OUT") return 0;
    expect(line, "RESERVED ");
    const std::size_t space = line.find(' ', 9);
    jobs_.emplace_back(line.substr(9, space - 9));
    std::size_t size = 0;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), size);
    handle(connection_.body(size));
    return 1;
  }
  std::size_t append_deletes() {
    for (const std::string& job : jobs_) connection_.append("delete " + job + "\r\n");
    return std::exchange(jobs_, {}).size();
  }
  void read_deletes(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) expect(connection_.line(), "DELETED");
  }

  Connection connection_;
  const std::size_t take_;
  std::vector<std::string> jobs_;
};

class Beanstalkd final : public Peer {
 public:
  explicit Beanstalkd(const PeerOptions& options) : options_(options) {}
  void prepare() override { const Connection connection(options_); }  // the tube `default` is always there
  std::unique_ptr<Producer> producer() override { return std::make_unique<BeanstalkdProducer>(options_); }
  std::unique_ptr<Consumer> consumer() override { return std::make_unique<BeanstalkdConsumer>(options_); }

 private:
  const PeerOptions options_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(const PeerOptions& options) { return std::make_unique<Beanstalkd>(options); }

}  // namespace takt::bench
