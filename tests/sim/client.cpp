#include "tests/sim/client.h"

#include <algorithm>

#include "proto/codec.h"

namespace takt::sim {
namespace {

constexpr Duration backoff_first = std::chrono::milliseconds(50);
constexpr Duration backoff_longest = std::chrono::seconds(2);
constexpr std::size_t repeatable_kept = 16;

std::uint64_t Counts::* count_of_doubled(const proto::Request& request) {
  if (std::holds_alternative<proto::Hello>(request)) return &Counts::doubled_hellos;
  if (std::holds_alternative<proto::Goodbye>(request)) return &Counts::doubled_goodbyes;
  if (std::holds_alternative<proto::Subscribe>(request)) return &Counts::doubled_subscribes;
  if (std::holds_alternative<proto::Unsubscribe>(request)) return &Counts::doubled_unsubscribes;
  if (std::holds_alternative<proto::Credit>(request)) return &Counts::doubled_credits;
  if (std::holds_alternative<proto::Resume>(request)) return &Counts::doubled_resumes;
  return &Counts::doubled_others;
}

}  // namespace

Client::Client(World& world, const Options& options, Checker& checker, Network& network, proto::ClientKind kind, std::string name,
               std::optional<ProducerId> producer)
    : world_(world),
      options_(options),
      checker_(checker),
      name_(std::move(name)),
      producer_(producer.value_or(ProducerId(world.random().next()))),
      session_(session_options(kind)),
      network_(network),
      backoff_(backoff_first),
      timeline_(world),
      alarm_(world, timeline_, [this] { pump(); }) {}

Client::~Client() {
  if (connection_) network_.client_died(*connection_);
}

sdk::SessionOptions Client::session_options(proto::ClientKind kind) const {
  sdk::SessionOptions options;
  options.client = ClientId(world_.random().next());
  options.producer = producer_;
  options.kind = kind;
  options.name = name_;
  return options;
}

void Client::freeze(Duration length) {
  world_.trace("freeze");
  timeline_.pause(length);
}

void Client::connect() { connection_ = network_.connect(*this); }

void Client::disconnect() {
  is_leaving_ = true;
  if (connection_) network_.close(*connection_);
  connection_.reset();
  is_up_ = false;
}

void Client::connected(ConnectionId connection) {
  if (connection_ != connection) return;
  is_up_ = true;
  session_.connected(world_.now());
  pump();
}

void Client::received(ConnectionId connection, Frames frames) {
  if (connection_ != connection) return;
  checker_.arrived(connection, frames);
  session_.received(frames, world_.now());
  pump();
}

void Client::lost(ConnectionId connection) {
  if (connection_ != connection) return;
  reconnect_later("the connection ended");
  pump();
}

void Client::reconnect_later(const std::string& why) {
  connection_.reset();
  is_up_ = false;
  const Duration pause = backoff_ * static_cast<std::int64_t>(world_.random().between(75, 125)) / 100;
  backoff_ = std::min(backoff_ * 2, backoff_longest);
  if (!is_leaving_) timeline_.after(pause, [this] { connect(); });
  session_.disconnected(why, world_.now());
}

void Client::pump() {
  session_.tick(world_.now());
  for (std::vector<sdk::Event> events = session_.take_events(); !events.empty(); events = session_.take_events()) {
    for (sdk::Event& event : events) {
      if (std::holds_alternative<sdk::Greeted>(event)) backoff_ = backoff_first;
      const bool is_dead = std::holds_alternative<sdk::LinkDead>(event);
      handle(std::move(event));
      if (is_dead && connection_) {
        network_.close(*connection_);
        reconnect_later("the session asked for it");
      }
    }
  }
  for (Frames& frames : session_.take_frames()) {
    if (!is_up_) continue;
    stamp(frames);
    const Frames sent = frames;
    network_.to_server(*connection_, std::move(frames));
    if (options_.repeat_permille == 0) continue;
    proto::Decoder decoder;
    const auto decoded = decoder.request(sent.front().bytes);
    if (!decoded) {
      checker_.fail("a client sends a frame that cannot be read");
      break;
    }
    double_something(sent, decoded->body);
    repeat_something(sent, decoded->body);
  }
  alarm_.set(session_.next_deadline());
}

/// As a library that does not know whether its send went through. Not what may mean something else the second time: somebody
/// makes a topic anew between two deletes, or a subscription ends with its group between two subscribes.
void Client::double_something(const Frames& sent, const proto::Request& request) {
  const bool means_more = std::holds_alternative<proto::DeleteTopic>(request) || std::holds_alternative<proto::DeleteGroup>(request) ||
                          (std::holds_alternative<proto::Subscribe>(request) && options_.deletes());
  if (means_more || !world_.random().permille(options_.double_permille)) return;
  ++(checker_.counts.*count_of_doubled(request));
  checker_.repeating(sent);
  network_.to_server(*connection_, sent);
}

// A late or repeated request, such as a library that replays a lost connection's frames would send: outcomes and numbered
// batches must count once.
void Client::repeat_something(const Frames& sent, const proto::Request& request) {
  const bool is_repeatable = std::holds_alternative<proto::Ack>(request) || std::holds_alternative<proto::Fail>(request) ||
                             std::holds_alternative<proto::Publish>(request) || std::holds_alternative<proto::Complete>(request);
  if (is_repeatable) {
    repeatable_.push_back(sent);
    if (repeatable_.size() > repeatable_kept) repeatable_.pop_front();
  }
  if (repeatable_.empty() || !world_.random().permille(options_.repeat_permille)) return;
  ++checker_.counts.repeats;
  const Frames& again = repeatable_[world_.random().below(repeatable_.size())];
  checker_.repeating(again);
  network_.to_server(*connection_, again);
}

}  // namespace takt::sim
