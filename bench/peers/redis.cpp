// Redis Streams with a consumer group: XADD; XREADGROUP, XACK and XDEL (without which the stream keeps every entry).

#include <hiredis/hiredis.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "bench/peers/peer.h"

namespace takt::bench {
namespace {

constexpr const char* block_ms = "100";

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

class Connection {
 public:
  explicit Connection(const PeerOptions& options) : context_(redisConnect(options.host.c_str(), options.port)) {
    if (!context_ || context_->err != 0) throw std::runtime_error(std::string("redis: ") + (context_ ? context_->errstr : "no memory"));
  }

  void append(const std::vector<std::string_view>& words) {
    data_.clear();
    sizes_.clear();
    for (const std::string_view word : words) {
      data_.push_back(word.data());
      sizes_.push_back(word.size());
    }
    must(redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), data_.data(), sizes_.data()));
  }
  void flush() {
    int done = 0;
    while (done == 0) must(redisBufferWrite(context_.get(), &done));
  }
  /// The next answer; waits for it.
  Reply answer() {
    void* reply = nullptr;
    must(redisGetReply(context_.get(), &reply));
    Reply owned(static_cast<redisReply*>(reply));
    if (owned->type == REDIS_REPLY_ERROR) throw std::runtime_error("redis: " + std::string(owned->str, owned->len));
    return owned;
  }

 private:
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  void must(int result) const {
    if (result != REDIS_OK) throw std::runtime_error(std::string("redis: ") + context_->errstr);
  }

  std::unique_ptr<redisContext, Free> context_;
  std::vector<const char*> data_;
  std::vector<std::size_t> sizes_;
};

class RedisProducer final : public Producer {
 public:
  explicit RedisProducer(const PeerOptions& options) : connection_(options) {}

  void send(std::string_view payload) override {
    connection_.append({"XADD", "bench", "*", "p", payload});
    ++unconfirmed_;
  }
  void flush() override { connection_.flush(); }
  void settle(std::size_t unconfirmed) override {
    for (; unconfirmed_ > unconfirmed; --unconfirmed_) connection_.answer();  // the first one sends what waits
  }

 private:
  Connection connection_;
  std::size_t unconfirmed_ = 0;
};

class RedisConsumer final : public Consumer {
 public:
  explicit RedisConsumer(const PeerOptions& options) : connection_(options), take_(std::to_string(options.take)) {}

  /// The acks of the last entries and the wish for the next travel together.
  std::size_t take(const Handle& handle) override {
    const bool acking = append_acks();
    connection_.append({"XREADGROUP", "GROUP", "bench", "worker", "COUNT", take_, "BLOCK", block_ms, "STREAMS", "bench", ">"});
    if (acking) read_acks();
    const Reply reply = connection_.answer();
    if (reply->type == REDIS_REPLY_NIL) return 0;
    const redisReply* entries = reply->element[0]->element[1];
    for (std::size_t i = 0; i < entries->elements; ++i) {
      const redisReply* entry = entries->element[i];
      const redisReply* value = entry->element[1]->element[1];
      handle({value->str, value->len});
      done_.emplace_back(entry->element[0]->str, entry->element[0]->len);
    }
    return entries->elements;
  }
  void finish() override {
    if (append_acks()) read_acks();
  }

 private:
  bool append_acks() {
    if (done_.empty()) return false;
    std::vector<std::string_view> ack{"XACK", "bench", "bench"};
    std::vector<std::string_view> remove{"XDEL", "bench"};
    ack.insert(ack.end(), done_.begin(), done_.end());
    remove.insert(remove.end(), done_.begin(), done_.end());
    connection_.append(ack);
    connection_.append(remove);
    return true;
  }
  void read_acks() {
    for (const char* what : {"XACK", "XDEL"}) {
      if (connection_.answer()->integer != static_cast<long long>(done_.size()))
        throw std::runtime_error(std::string("redis: not all entries in ") + what);
    }
    done_.clear();
  }

  Connection connection_;
  const std::string take_;
  std::vector<std::string> done_;
};

class Redis final : public Peer {
 public:
  explicit Redis(const PeerOptions& options) : options_(options) {}
  void prepare() override {
    Connection connection(options_);
    connection.append({"XGROUP", "CREATE", "bench", "bench", "0", "MKSTREAM"});
    connection.answer();
  }
  std::unique_ptr<Producer> producer() override { return std::make_unique<RedisProducer>(options_); }
  std::unique_ptr<Consumer> consumer() override { return std::make_unique<RedisConsumer>(options_); }

 private:
  const PeerOptions options_;
};

}  // namespace

std::unique_ptr<Peer> make_peer(const PeerOptions& options) { return std::make_unique<Redis>(options); }

}  // namespace takt::bench
