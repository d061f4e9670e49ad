#include "broker/core/event.h"

#include "proto/limits.h"

namespace takt::core {
namespace {

// One description per event serves both directions: `fields(coder, event)` names the fields in stored order.

struct Encoder {
  ByteWriter& out;

  void operator()(const std::string& v) { out.text(v); }
  void operator()(const std::uint32_t& v) { out.varint(v); }
  void operator()(const std::uint64_t& v) { out.varint(v); }
  void operator()(const WallTime& v) { out.signed_varint(v.time_since_epoch().count()); }
  template <class Tag, class Rep>
  void operator()(const StrongId<Tag, Rep>& v) {
    out.id(v);
  }
  void operator()(const std::optional<Offset>& v) { out.varint(v ? v->value + 1 : 0); }
  void operator()(const bool& v) { out.varint(v ? 1 : 0); }
  template <class T>
  void operator()(const std::optional<T>& v) {
    (*this)(v.has_value());
    if (v) (*this)(*v);
  }
  void operator()(const NextOccurrence& v) { (*this)(v.planned), (*this)(v.due); }
  void operator()(const FiredMessage& v) { out.id(v.topic).id(v.lane).id(v.offset).id(v.position); }
  void operator()(const proto::Outcome& v) { out.varint(static_cast<std::uint64_t>(v)); }
  void operator()(const proto::ScheduleSettings& v) {
    (*this)(v.rule), (*this)(v.zone), (*this)(v.start_ms), (*this)(v.end_ms);
    out.varint(v.jitter_ms).varint(static_cast<std::uint64_t>(v.catch_up)).varint(v.catch_up_max).varint(v.catch_up_window_ms);
    out.varint(static_cast<std::uint64_t>(v.overlap)).text(v.overlap_group);
  }
  void operator()(const proto::DeadReason& v) { out.varint(static_cast<std::uint64_t>(v)); }
  void operator()(const proto::RetryPolicy& v) {
    out.varint(static_cast<std::uint64_t>(v.backoff)).varint(v.base_ms).varint(v.cap_ms).varint(v.delays_ms.size());
    for (const std::uint64_t delay : v.delays_ms) out.varint(delay);
    out.varint(v.jitter_percent).varint(v.give_up_ms).varint(v.deaths_max);
  }
  /// Runs are ascending: each is stored as the gap since the end of the one before, and its length.
  void operator()(const std::vector<OffsetRun>& runs) {
    out.varint(runs.size());
    std::uint64_t end = 0;
    for (const OffsetRun& run : runs) {
      out.varint(run.first.value - end).varint(run.count);
      end = run.end().value;
    }
  }
  void operator()(const scheduler::TimerKey& key) {
    (*this)(key.due);
    out.varint(static_cast<std::uint64_t>(key.id));
  }
  /// Each as its distance from the one before: ids go up and down, tags seldom change.
  void operator()(const std::vector<scheduler::Timer>& timers) {
    out.varint(timers.size());
    scheduler::Timer before;
    for (const scheduler::Timer& timer : timers) {
      out.varint(static_cast<std::uint64_t>((timer.key.due - before.key.due).count()));
      out.signed_varint(static_cast<std::int64_t>(static_cast<std::uint64_t>(timer.key.id) - static_cast<std::uint64_t>(before.key.id)));
      out.varint(timer.tag ^ before.tag);
      before = timer;
    }
  }
  void operator()(const std::vector<LaneStart>& starts) {
    out.varint(starts.size());
    for (const LaneStart& start : starts) out.id(start.lane).id(start.from);
  }
};

struct Decoder {
  ByteReader& in;
  bool sound = true;

  void operator()(std::string& v) { v = in.text(); }
  void operator()(std::uint32_t& v) { v = in.number<std::uint32_t>(); }
  void operator()(std::uint64_t& v) { v = in.varint(); }
  void operator()(WallTime& v) { v = WallTime(std::chrono::milliseconds(in.signed_varint())); }
  template <class Tag, class Rep>
  void operator()(StrongId<Tag, Rep>& v) {
    v = in.id<StrongId<Tag, Rep>>();
  }
  void operator()(Lane& v) {
    v = in.id<Lane>();
    sound = sound && v.value < lane_count;
  }
  void operator()(std::optional<Offset>& v) {
    const std::uint64_t stored = in.varint();
    v = stored == 0 ? std::nullopt : std::optional(Offset(stored - 1));
  }
  std::uint64_t within(std::uint64_t least, std::uint64_t most) {
    const std::uint64_t stored = in.varint();
    sound = sound && stored >= least && stored <= most;
    return stored;
  }
  void operator()(bool& v) { v = within(0, 1) != 0; }
  template <class T>
  void operator()(std::optional<T>& v) {
    bool is_there = false;
    (*this)(is_there);
    v.reset();
    if (is_there) (*this)(v.emplace());
  }
  /// Of a schedule: no further than a timer can be.
  void operator()(NextOccurrence& v) {
    (*this)(v.planned), (*this)(v.due);
    sound = sound && v.due >= scheduler::Instant{} && v.due <= scheduler::instant_max;
  }
  void operator()(FiredMessage& v) { (*this)(v.topic), (*this)(v.lane), (*this)(v.offset), (*this)(v.position); }
  void operator()(proto::Outcome& v) { v = static_cast<proto::Outcome>(within(1, proto::outcome_count)); }
  void operator()(proto::ScheduleSettings& v) {
    (*this)(v.rule), (*this)(v.zone), (*this)(v.start_ms), (*this)(v.end_ms);
    v.jitter_ms = within(0, limits::jitter_ms_max);
    v.catch_up = static_cast<proto::CatchUp>(within(1, 3));
    v.catch_up_max = static_cast<std::uint32_t>(within(1, limits::catch_up_max));
    v.catch_up_window_ms = within(0, limits::span_ms_max);
    v.overlap = static_cast<proto::Overlap>(within(1, 4));
    (*this)(v.overlap_group);
  }
  void operator()(proto::DeadReason& v) { v = static_cast<proto::DeadReason>(within(1, proto::dead_reason_count)); }
  void operator()(proto::RetryPolicy& v) {
    v.backoff = static_cast<proto::Backoff>(within(1, 3));
    v.base_ms = within(0, limits::span_ms_max);
    v.cap_ms = within(0, limits::span_ms_max);
    v.delays_ms.clear();
    const bool is_list = v.backoff == proto::Backoff::kList;
    for (std::uint64_t n = within(is_list ? 1 : 0, is_list ? limits::retry_delays_max : 0); sound && n > 0; --n)
      v.delays_ms.push_back(within(0, limits::span_ms_max));
    sound = sound && (is_list || v.base_ms <= v.cap_ms);
    v.jitter_percent = static_cast<std::uint32_t>(within(0, 100));
    v.give_up_ms = within(0, limits::span_ms_max);
    v.deaths_max = static_cast<std::uint32_t>(within(0, limits::attempts_max));
  }
  void operator()(std::vector<OffsetRun>& runs) {
    std::uint64_t n = in.varint();
    if (n > in.remaining()) n = 0, sound = false;
    runs.reserve(n);
    std::uint64_t end = 0;
    for (; n > 0 && in.ok(); --n) {
      const std::uint64_t gap = in.varint();
      const std::uint64_t count = in.varint();
      sound = sound && gap <= UINT64_MAX - end && count > 0 && count <= UINT64_MAX - end - gap;
      runs.push_back({Offset(end + gap), count});
      end += gap + count;
    }
  }
  void operator()(scheduler::TimerKey& key) {
    (*this)(key.due);
    key.id = scheduler::TimerId(in.varint());
    sound = sound && key.due >= scheduler::Instant{} && key.due <= scheduler::instant_max;
  }
  void operator()(std::vector<scheduler::Timer>& timers) {
    std::uint64_t n = in.varint();
    if (n > in.remaining()) n = 0, sound = false;
    timers.reserve(n);
    scheduler::Timer timer;
    for (; n > 0 && in.ok() && sound; --n) {
      const std::uint64_t later = in.varint();
      const std::uint64_t id = static_cast<std::uint64_t>(timer.key.id) + static_cast<std::uint64_t>(in.signed_varint());
      timer.tag ^= in.varint();
      const auto room = static_cast<std::uint64_t>((scheduler::instant_max - timer.key.due).count());
      sound = later <= room;
      if (!sound) return;
      const scheduler::Timer next{{timer.key.due + scheduler::Millis(static_cast<std::int64_t>(later)), scheduler::TimerId(id)}, timer.tag};
      sound = timers.empty() || next.key > timer.key;
      timers.push_back(timer = next);
    }
  }
  void operator()(std::vector<LaneStart>& starts) {
    std::uint64_t n = in.varint();
    if (n > lane_count) n = 0, sound = false;
    for (; n > 0 && in.ok(); --n) {
      LaneStart start;
      (*this)(start.lane);
      (*this)(start.from);
      starts.push_back(start);
    }
  }
};

template <class Coder, class E>
void settings(Coder& c, E& e)
  requires requires { e.keep_ms; }
{
  c(e.keep_ms), c(e.keep_bytes), c(e.bytes_max);
}
template <class Coder, class E>
void settings(Coder& c, E& e)
  requires requires { e.attempts_max; }
{
  c(e.attempts_max), c(e.retry);
}

template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, EpochBegun>
{
  c(e.epoch);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, TopicPut>
{
  c(e.topic), c(e.name), settings(c, e.settings);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, TopicDel>
{
  c(e.topic);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, GroupPut>
{
  c(e.topic), c(e.group), c(e.name), settings(c, e.settings), c(e.starts), c(e.leases_from);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, GroupDel>
{
  c(e.topic), c(e.group);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Done>
{
  c(e.topic), c(e.group), c(e.lane), c(e.runs), c(e.lent);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Retry>
{
  c(e.topic), c(e.group), c(e.lane), c(e.offset), c(e.attempts), c(e.due), c(e.lease), c(e.code), c(e.text), c(e.worker);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Dead>
{
  c(e.topic), c(e.group), c(e.lane), c(e.offset), c(e.attempts), c(e.code), c(e.text), c(e.worker), c(e.reason);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Redrive>
{
  c(e.topic), c(e.group), c(e.lane), c(e.runs), c(e.leases_from);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, DeadPurge>
{
  c(e.topic), c(e.group), c(e.lane), c(e.runs);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Held>
{
  c(e.topic), c(e.group), c(e.lane), c(e.client), c(e.runs);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Retain>
{
  c(e.topic), c(e.lane), c(e.horizon);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, ProducerPut>
{
  c(e.producer), c(e.epoch);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Reclaimed>
{
  c(e.epoch);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Fire>
{
  c(e.up_to), c(e.timers);
}

template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Cancel>
{
  c(e.topic), c(e.lane), c(e.position), c(e.due);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, Rearm>
{
  c(e.topic), c(e.lane), c(e.position), c(e.due), c(e.to);
}

template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, CronPut>
{
  c(e.schedule), c(e.name), c(e.topic), c(e.lane), c(e.settings), c(e.metadata), c(e.payload), c(e.anchor), c(e.decided_to), c(e.next);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, CronDel>
{
  c(e.schedule);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, CronFire>
{
  c(e.schedule), c(e.planned), c(e.outcome), c(e.count), c(e.message), c(e.next);
}
template <class Coder, class E>
void fields(Coder& c, E& e)
  requires std::same_as<std::remove_const_t<E>, CronRearm>
{
  c(e.schedule), c(e.is_paused), c(e.decided_to), c(e.next);
}

template <std::size_t I = 0>
std::optional<Event> read_event(std::uint8_t type, Decoder& decoder) {
  if constexpr (I < std::variant_size_v<Event>) {
    using E = std::variant_alternative_t<I, Event>;
    if (type != static_cast<std::uint8_t>(E::type)) return read_event<I + 1>(type, decoder);
    E event;
    fields(decoder, event);
    return event;
  } else {
    return std::nullopt;
  }
}

}  // namespace

void append_settings(ByteWriter& out, const proto::GroupSettings& given) {
  Encoder encoder{out};
  settings(encoder, given);
}

bool read_settings(ByteReader& in, proto::GroupSettings& read) {
  Decoder decoder{in};
  settings(decoder, read);
  return decoder.sound && in.ok();
}

void append_settings(ByteWriter& out, const proto::ScheduleSettings& given) { Encoder{out}(given); }

bool read_settings(ByteReader& in, proto::ScheduleSettings& read) {
  Decoder decoder{in};
  decoder(read);
  return decoder.sound && in.ok();
}

void append_event(ByteWriter& out, const Event& event) {
  std::visit(
      [&](const auto& e) {
        out.u8(static_cast<std::uint8_t>(e.type));
        Encoder encoder{out};
        fields(encoder, e);
      },
      event);
}

Result<std::vector<Event>, Corruption> decode_events(std::string_view bytes, std::uint32_t count) {
  std::vector<Event> events;
  events.reserve(std::min<std::size_t>(count, bytes.size()));
  ByteReader in(bytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t type = in.u8();
    Decoder decoder{in};
    std::optional<Event> event = read_event(type, decoder);
    if (!event)
      return failed(Corruption{"event " + std::to_string(i) + " of a control run has type " + std::to_string(type) +
                               ", which this version does not know"});
    if (!in.ok() || !decoder.sound)
      return failed(
          Corruption{"event " + std::to_string(i) + " of a control run (type " + std::to_string(type) + ") is cut short or out of range"});
    events.push_back(std::move(*event));
  }
  if (!in.finished()) return failed(Corruption{"a control run has bytes behind its last event"});
  return events;
}

}  // namespace takt::core
