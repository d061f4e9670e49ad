#include "broker/transport/zmq_gateway.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <iterator>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <variant>

#include "broker/transport/arrivals.h"
#include "broker/transport/descriptors.h"
#include "broker/transport/discarded.h"
#include "broker/transport/door.h"
#include "broker/transport/flood_watch.h"
#include "broker/transport/peer_table.h"
#include "broker/transport/zmq_epoll.h"
#include "broker/transport/zmq_recv.h"
#include "broker/transport/zmq_socket.h"

namespace takt::transport {
namespace {

constexpr std::size_t receive_messages_max = 256;                                  // per wake-up
constexpr std::size_t receive_bytes_max = 8u << 20;                                // per wake-up
constexpr std::size_t receive_envelope_bytes_max = 256u << 10;                     // per wake-up; 3 ms where all of it is parsed
constexpr Duration linger_after_end = std::chrono::milliseconds(250);
// libzmq has no event for "this peer has room again": its descriptor usually wakes us, and this is the net below it.
constexpr Duration full_peer_retry = std::chrono::milliseconds(10);
constexpr Duration many_full_peers_retry = std::chrono::milliseconds(1);
constexpr std::size_t retried_at_once = 64;                                        // of many peers that take nothing
constexpr std::size_t frame_slack_bytes = 64 * 1024;
constexpr int queue_messages = 64;                                                 // RCVHWM and SNDHWM
constexpr std::size_t unread_ends_max = 256;                                       // 75 KB of memory each, and what they sent
constexpr std::size_t read_slack_bytes = 1u << 20;                                 // libzmq's buffers, PINGs of peers
constexpr std::size_t frames_thrown_max = 1000;                                    // a mistake has a few, a flood has millions
constexpr std::uint64_t half_messages_bytes_max = 64u << 20;                       // of all connections
constexpr std::uint64_t scarce_half_messages_bytes_max = 4u << 20;                 // times 32 in libzmq's memory, at worst
constexpr Duration look_interval = std::chrono::milliseconds(100);                 // connections are polled

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  if (to.empty()) return to.swap(from);
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

struct EndSessions {
  Refusal reason;
};
struct Drain {};
struct Room {};
struct StatsWanted {
  std::promise<DeskStats> answer;
};
using Mail = std::variant<std::vector<core::Outgoing>, EndSessions, Drain, Room, StatsWanted>;

/// Of a section; an envelope may be larger, but not all the frames of a message are.
std::size_t section_bytes_max_of(const IntakeLimits& limits) {
  return std::max(limits.batch_bytes_max, limits.message_bytes_max) + frame_slack_bytes;
}

}  // namespace

class ZmqGateway::Loop {
 public:
  Loop(const ZmqGatewaySettings& settings, CommandSink& sink)
      : settings_(settings),
        sink_(sink),
        desk_(settings.desk),
        floods_({limits::envelope_bytes_max + limits::frames_max * section_bytes_max_of(settings.desk.intake) + read_slack_bytes,
                 (queue_messages + 2) * section_bytes_max_of(settings.desk.intake),
                 std::max<std::uint64_t>(half_messages_bytes_max, 4 * section_bytes_max_of(settings.desk.intake)),
                 std::max<std::uint64_t>(scarce_half_messages_bytes_max, 2 * section_bytes_max_of(settings.desk.intake)),
                 settings.memory_bytes_expected}) {}
  ~Loop() {
    stop();
    if (monitor_) close_monitor(router_.get(), monitor_);   // it never ran
    if (wake_fd_ >= 0) ::close(wake_fd_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  std::optional<GatewayFailure> open();
  void start() {
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  void stop();
  void post(Mail mail);
  const std::string& endpoint() const { return endpoint_; }

 private:
  void run(std::stop_token stop);
  void wait(std::stop_token stop);
  void read_mail();
  void receive_messages();
  void drain_monitor(Time now);
  /// `senders` has the connection of each message.
  void handle(std::span<const Received> messages, std::span<const ConnectionId> senders, Time now);
  void flush();
  void offer();
  void relieve();
  void flush_peer(ConnectionId id, Peer& peer);
  void retry_full_peers();
  void bury(Time until);
  void look_around(Time now);
  void cut(ConnectionId id);

  const ZmqGatewaySettings settings_;
  CommandSink& sink_;
  std::string endpoint_;
  int wake_fd_ = -1;

  std::mutex mutex_;
  std::vector<Mail> mail_;                                    ///< guarded by mutex_

  // The thread's only, from here on.
  ZmqContext context_;
  ZmqSocket router_;
  ZmqSocket monitor_;
  std::size_t connections_max_ = 0;
  Desk desk_;
  CommandBatch held_;                                         ///< while the sink refuses it, nothing is read
  PeerTable peers_;
  std::set<ConnectionId> full_;                               ///< peers with a waiting queue
  ConnectionId retried_{0};                                   ///< the last of them that was offered what waits
  Discarded discarded_;
  std::uint64_t connections_refused_ = 0;
  std::uint64_t connections_unheard_ = 0;
  Door door_{unread_ends_max};
  FloodWatch floods_;
  Time next_look_{};
  LookWatch io_looks_;
  Time strangers_not_before_{};
  std::uint64_t endless_messages_ = 0;
  std::uint64_t strangers_dropped_ = 0;
  std::uint64_t replies_dropped_ = 0;                         ///< beside the desk's

  std::jthread thread_;                                       // last: it stops before what it uses is gone
};

std::optional<GatewayFailure> ZmqGateway::Loop::open() {
  const auto fail = [this](const std::string& what) {
    const int error = zmq_errno();
    std::string hint = "check the address (key listen)";
    if (error == EADDRINUSE) hint = "another process has the port: stop it, or choose another (key listen; port 0 lets the system choose)";
    if (error == EACCES) hint = "ports below 1024 need privileges: choose another (key listen)";
    if (error == ENODEV || error == EADDRNOTAVAIL) hint = "this machine has no such address or interface (key listen)";
    return GatewayFailure{"cannot " + what + " " + settings_.listen + ": " + zmq_strerror(error) + "; " + hint};
  };
  if (!resets_are_guarded()) return GatewayFailure{"libzmq does not call this program's epoll_wait, so clients could stop it; zmq_epoll.h"};
  if (!handshakes_are_read()) return GatewayFailure{"libzmq does not call this program's recv, so clients could stop it; zmq_recv.h"};
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return GatewayFailure{std::string("cannot make an eventfd: ") + std::strerror(errno)};
  connections_max_ = reserve_descriptors(settings_.connections_max);
  door_ = Door(std::clamp<std::size_t>(connections_max_ / 4, 1, unread_ends_max));
  context_ = make_context();
  if (!context_) return fail("make a ZeroMQ context for");
  zmq_ctx_set(context_.get(), ZMQ_MAX_SOCKETS, 64);
  router_.reset(zmq_socket(context_.get(), ZMQ_ROUTER));
  if (!router_) return fail("make a socket for");

  const auto frame_bytes_max =
      static_cast<std::int64_t>(std::max(section_bytes_max_of(settings_.desk.intake), limits::envelope_bytes_max + frame_slack_bytes));
  const std::pair<int, int> options[] = {
      {ZMQ_ROUTER_MANDATORY, 1},
      {ZMQ_SNDHWM, queue_messages},
      {ZMQ_RCVHWM, queue_messages},
      {ZMQ_LINGER, 0},
      {ZMQ_HANDSHAKE_IVL, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(settings_.handshake_timeout).count())},
      // No ZMQ_HEARTBEAT_IVL: when its timer fires for a peer that reset its connection while nothing was read from it, libzmq
      // stops the process. Sessions have their own heartbeat, and whoever has no session is closed.
      {ZMQ_TCP_KEEPALIVE, 1},
      {ZMQ_TCP_KEEPALIVE_IDLE, 30},
      {ZMQ_TCP_KEEPALIVE_INTVL, 10},
      {ZMQ_TCP_KEEPALIVE_CNT, 3},
      {ZMQ_BACKLOG, 512},
      {ZMQ_IPV6, settings_.listen.find('[') != std::string::npos ? 1 : 0},
  };
  for (const auto& [option, value] : options)
    if (!set_option(router_.get(), option, value)) return fail("set option " + std::to_string(option) + " of");
  if (zmq_setsockopt(router_.get(), ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max) != 0) return fail("bound the messages of");
  monitor_ = open_monitor(context_.get(), router_.get());
  if (!monitor_) return fail("watch");
  if (zmq_bind(router_.get(), settings_.listen.c_str()) != 0) return fail("listen on");
  char bound[512];
  std::size_t length = sizeof bound;
  if (zmq_getsockopt(router_.get(), ZMQ_LAST_ENDPOINT, bound, &length) != 0) return fail("read the address of");
  endpoint_ = bound;
  return std::nullopt;
}

void ZmqGateway::Loop::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
  thread_.join();
}

void ZmqGateway::Loop::post(Mail mail) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = mail_.empty();
    mail_.push_back(std::move(mail));
  }
  if (!was_empty) return;   // the one before has rung already
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);   // full counts as rung
}

void ZmqGateway::Loop::run(std::stop_token stop) {
  pthread_setname_np(pthread_self(), "takt-gateway");
  while (!stop.stop_requested()) {
    wait(stop);
    let_libzmq_look(io_looks_, settings_.clock);
    read_mail();
    receive_messages();
    look_around(settings_.clock());
    door_.mind();
    desk_.tick(settings_.clock());
    flush();
    discarded_.let_go();
  }
  read_mail();
  flush();
  set_option(router_.get(), ZMQ_LINGER, 200);
  close_monitor(router_.get(), monitor_);
  router_.reset();
  context_.reset();
}

void ZmqGateway::Loop::wait(std::stop_token stop) {
  const bool reads = held_.empty();
  // Both descriptors are edge-triggered: what is already there must be asked for before sleeping.
  const bool ready = is_readable(monitor_.get()) | ((is_readable(router_.get()) || door_.unread() > 0) && reads) | !discarded_.empty();
  std::optional<Time> until = desk_.next_deadline();
  const Time now = settings_.clock();
  const auto earliest = [&](Time other) { until = until ? std::min(*until, other) : other; };
  if (!full_.empty()) earliest(now + (full_.size() > retried_at_once ? many_full_peers_retry : full_peer_retry));
  if (peers_.has_ended()) earliest(reads ? now : now + linger_after_end);   // their last messages are read first
  if (!floods_.is_empty() || door_.is_shut()) earliest(std::max(now, next_look_));
  int timeout = -1;
  if (ready || stop.stop_requested()) {
    timeout = 0;
  } else if (until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - now).count();
    timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }
  pollfd items[] = {{wake_fd_, POLLIN, 0}, {descriptor(monitor_.get()), POLLIN, 0}, {descriptor(router_.get()), POLLIN, 0}};
  ::poll(items, reads ? 3 : 2, timeout);
  if ((items[0].revents & POLLIN) != 0) {
    std::uint64_t rung;
    [[maybe_unused]] const auto got = ::read(wake_fd_, &rung, sizeof rung);
  }
}

void ZmqGateway::Loop::read_mail() {
  std::vector<Mail> mail;
  {
    const std::lock_guard lock(mutex_);
    mail.swap(mail_);
  }
  for (Mail& item : mail) {
    if (auto* batch = std::get_if<std::vector<core::Outgoing>>(&item)) {
      for (core::Outgoing& outgoing : *batch) {
        desk_.reply(std::move(outgoing));
        offer();   // a peer is slow by what its socket refused, not by what was never offered to it
        if (desk_.has_too_much_outbound()) relieve();
      }
    } else if (auto* end = std::get_if<EndSessions>(&item)) {
      desk_.end_sessions(end->reason);
    } else if (std::holds_alternative<Drain>(item)) {
      desk_.drain();
    } else if (auto* wanted = std::get_if<StatsWanted>(&item)) {
      DeskStats stats = desk_.stats();
      stats.connections = peers_.open_connections();
      stats.connections_refused = connections_refused_;
      stats.connections_unheard = connections_unheard_;
      stats.routing_ids_ignored = routing_ids_ignored();
      stats.newcomers_held = door_.times_shut();
      stats.endless_messages = endless_messages_;
      stats.strangers_dropped = strangers_dropped_;
      stats.replies_dropped += replies_dropped_;
      wanted->answer.set_value(std::move(stats));
    }
  }
}

void ZmqGateway::Loop::receive_messages() {
  std::vector<Received> batch;
  std::size_t bytes = 0;
  std::size_t envelope_bytes = 0;
  const Time begin = settings_.clock();
  bool is_empty = false;
  while (held_.empty() && batch.size() < receive_messages_max && bytes < receive_bytes_max && envelope_bytes < receive_envelope_bytes_max) {
    auto received = receive(router_.get());
    if (!received) {
      is_empty = true;
      floods_.read_empty();
      door_.read_empty();
      break;
    }
    for (const SharedBytes& frame : received->frames) bytes += frame.size();
    if (!received->frames.empty()) envelope_bytes += received->frames.front().size();
    batch.push_back(std::move(*received));
  }
  const Time now = settings_.clock();
  // After receiving and before handling: what was accepted must be known before its messages are.
  door_.read(batch.size());
  drain_monitor(now);
  for (const Received& received : batch) floods_.delivered(received.descriptor, received.wire_bytes);
  std::vector<ConnectionId> senders;   // asked in the order of coming
  std::vector<ConnectionId> of_ended;
  for (const Received& received : batch) {
    senders.push_back(peers_.speaker(received.routing, received.descriptor, now));
    if (peers_.has_ended() && peers_.find(senders.back())->ended) of_ended.push_back(senders.back());
  }
  std::ranges::sort(of_ended);
  of_ended.erase(std::ranges::unique(of_ended).begin(), of_ended.end());
  for (std::size_t n = of_ended.size(); n > 0; --n) door_.heard_of_ended();
  handle(batch, senders, now);
  bury(is_empty ? begin : now - linger_after_end);
}

void ZmqGateway::Loop::handle(std::span<const Received> messages, std::span<const ConnectionId> senders, Time now) {
  for (const std::size_t index : in_runs(senders)) {
    const Peer* const peer = peers_.find(senders[index]);
    const bool is_here = peer != nullptr && !peer->has_left;
    desk_.received(senders[index], is_here ? Desk::Presence::kHere : Desk::Presence::kLeft, messages[index].frames, now);
    if (messages[index].frames_thrown <= frames_thrown_max) continue;
    ++endless_messages_;
    desk_.ended(senders[index]);
    cut(senders[index]);
  }
}

void ZmqGateway::Loop::drain_monitor(Time now) {
  while (const auto event = next_event(monitor_.get())) {
    if (event->kind == SocketEvent::Kind::kListening) {
      door_.listening(event->descriptor);
    } else if (event->kind == SocketEvent::Kind::kAccepted) {
      door_.accepted();
      peers_.accepted(event->descriptor, now);
      floods_.accepted(event->descriptor);
      if (peers_.open_connections() > connections_max_) {
        ++connections_refused_;
        peers_.left(event->descriptor);
        ::shutdown(event->descriptor, SHUT_RDWR);
      }
    } else if (event->kind == SocketEvent::Kind::kDisconnected) {
      connections_unheard_ += peers_.disconnected(event->descriptor, now) ? 1 : 0;
      floods_.closed(event->descriptor);
      door_.ended();
    }
  }
}

void ZmqGateway::Loop::look_around(Time now) {
  if (now < next_look_) return;
  next_look_ = now + look_interval;
  drain_monitor(now);   // a descriptor that was closed meanwhile must not be touched
  const FloodWatch::Look seen = floods_.look();
  door_.ending(seen.ending);
  endless_messages_ += seen.shut;
  for (const int descriptor : seen.left) peers_.left(descriptor);
  relieve();
  // While nothing is read, a Hello that came in time lies unread.
  if (!held_.empty()) strangers_not_before_ = now + settings_.hello_timeout;
  if (now < strangers_not_before_) return;
  for (const int descriptor :
       peers_.take_strangers(now, settings_.hello_timeout, [this](ConnectionId id) { return desk_.has_session(id); })) {
    ++strangers_dropped_;
    peers_.left(descriptor);
    ::shutdown(descriptor, SHUT_RDWR);
  }
}

void ZmqGateway::Loop::flush() {
  retry_full_peers();
  offer();
  if (!held_.empty()) sink_.post(held_);
}

void ZmqGateway::Loop::offer() {
  // Cutting a peer off or losing one on sending ends its session, which is a command again.
  for (bool goes_on = true; goes_on;) {
    Desk::Output output = desk_.take_output();
    for (Departure& departure : output.departures) {
      const ConnectionId id = departure.to;
      Peer* const peer = peers_.find(id);
      if (peer == nullptr || peer->has_left) {
        ++replies_dropped_;
        continue;
      }
      peer->waiting.push_back(std::move(departure));
      flush_peer(id, *peer);
    }
    for (const ConnectionId id : output.dropped) cut(id);
    goes_on = !output.commands.empty() || !output.departures.empty() || !output.dropped.empty();
    append(held_.prior, output.commands.prior);
    append(held_.later, output.commands.later);
  }
}

void ZmqGateway::Loop::relieve() {
  desk_.relieve(settings_.clock());
  offer();
}

void ZmqGateway::Loop::flush_peer(ConnectionId id, Peer& peer) {
  if (peer.has_left) discarded_.take(peer.waiting);
  while (!peer.waiting.empty()) {
    const Departure& departure = peer.waiting.front();
    switch (send(router_.get(), peer.routing, departure.frames)) {
      case SendOutcome::kSent:
        desk_.sent(id, departure.bytes);
        peer.waiting.pop_front();
        break;
      case SendOutcome::kFull:
        full_.insert(id);
        desk_.stuck(id, settings_.clock());
        return;
      case SendOutcome::kGone:
        desk_.ended(id);
        discarded_.take(peer.waiting);
        break;
    }
  }
  full_.erase(id);
}

void ZmqGateway::Loop::retry_full_peers() {
  const std::size_t share = std::max(retried_at_once, full_.size() / 16);
  for (std::size_t n = std::min(full_.size(), share); n > 0 && !full_.empty(); --n) {
    auto next = full_.upper_bound(retried_);
    if (next == full_.end()) next = full_.begin();
    retried_ = *next;
    flush_peer(retried_, *peers_.find(retried_));
  }
}

void ZmqGateway::Loop::bury(Time until) {
  for (const ConnectionId id : peers_.take_ended(until)) {
    desk_.ended(id);
    full_.erase(id);
    if (Peer* const peer = peers_.find(id)) discarded_.take(peer->waiting);
    peers_.forget(id);
  }
}

// libzmq cannot close one peer; shutting its descriptor down ends the connection, and the monitor tells the rest.
void ZmqGateway::Loop::cut(ConnectionId id) {
  Peer* const peer = peers_.find(id);
  if (peer == nullptr) return;
  peer->has_left = true;
  discarded_.take(peer->waiting);
  full_.erase(id);
  drain_monitor(settings_.clock());   // a descriptor that was closed meanwhile must not be touched
  if (!peer->ended) ::shutdown(peer->descriptor, SHUT_RDWR);
}

ZmqGateway::ZmqGateway(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
ZmqGateway::~ZmqGateway() = default;

Result<std::unique_ptr<ZmqGateway>, GatewayFailure> ZmqGateway::open(const ZmqGatewaySettings& settings, CommandSink& sink) {
  auto loop = std::make_unique<Loop>(settings, sink);
  if (auto failure = loop->open()) return failed(std::move(*failure));
  return std::unique_ptr<ZmqGateway>(new ZmqGateway(std::move(loop)));
}

void ZmqGateway::start() { loop_->start(); }
void ZmqGateway::stop() { loop_->stop(); }
const std::string& ZmqGateway::endpoint() const { return loop_->endpoint(); }
void ZmqGateway::post(std::vector<core::Outgoing> batch) { loop_->post(std::move(batch)); }
void ZmqGateway::end_sessions(Refusal reason) { loop_->post(EndSessions{std::move(reason)}); }
void ZmqGateway::drain() { loop_->post(Drain{}); }
void ZmqGateway::room() { loop_->post(Room{}); }
std::future<DeskStats> ZmqGateway::stats() {
  StatsWanted wanted;
  auto answer = wanted.answer.get_future();
  loop_->post(std::move(wanted));
  return answer;
}

}  // namespace takt::transport
