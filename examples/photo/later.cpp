#include "examples/photo/later.h"

#include <poll.h>
#include <takt/client.h>

#include <chrono>

#include "examples/photo/jobs.h"

namespace photo {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view topic = "albums";
constexpr std::string_view group = "album-workers";
constexpr std::string_view schedule = "nightly-album";
constexpr auto delay = 3s;
constexpr std::uint32_t attempts = 4;
constexpr auto patience = 60s;
constexpr auto tick = 20ms;
constexpr auto stop_grace = 30s;

const std::string delayed_job = "album-delayed";
const std::string failing_job = "album-late-upload";
const std::string nightly_job = "album-nightly";

/// The first look is at once, the last when time is up.
template <class Look>
bool becomes(Look&& look) {
  for (const auto until = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < until;) {
    if (look()) return true;
    ::poll(nullptr, 0, static_cast<int>(tick.count()));
  }
  return look();
}

/// An occurrence's name for ever.
std::string name_of(const takt::Instant& planned) { return takt::Occurrence{std::string(schedule), planned}.id(); }

takt::DeadQuery our_dead() { return {.topic = std::string(topic), .group = std::string(group)}; }

}  // namespace

Result<Later> Later::begin(const LaterOptions& options) {
  auto run = make_run_folder(options.root);
  if (!run) return takt::failed(run.error());
  auto admin = takt::Admin::open({.server = options.server, .name = "photo-demo"});
  if (!admin) return problem(admin.error().text());
  Later later(options, *std::move(run), *std::move(admin));
  // Full seconds are for production; here nobody wants to wait.
  const takt::GroupSettings settings{
      .attempts_max = attempts, .retry = {.kind = takt::RetryPolicy::Kind::kExponential, .base = 100ms, .cap = 1s, .jitter_percent = 0}};
  if (const auto put = later.admin_.put_group(std::string(topic), std::string(group), settings); !put) return problem(put.error().text());
  auto worker = Process::start({.name = "album-worker",
                                .program = options.programs / "photo_worker",
                                .arguments = {"--server", options.server, "--topic", std::string(topic), "--group", std::string(group),
                                              "--name", "album-worker", "--run", later.run_.root.string()},
                                .log = later.run_.logs() / "album-worker.log"});
  if (!worker) return takt::failed(worker.error());
  later.worker_.emplace(*std::move(worker));
  if (auto put = later.put_schedule(); !put) return takt::failed(put.error());
  if (auto sent = later.send(); !sent) return takt::failed(sent.error());
  return later;
}

Result<void> Later::put_schedule() {
  const ThumbnailJob job{.job = nightly_job, .source = options_.photo.string(), .long_edge = 160};
  const auto put =
      admin_.put_schedule(std::string(schedule), {.rule = "30 2 * * *", .zone = "Europe/Berlin"}, job, {.topic = std::string(topic)});
  if (!put) return problem("the schedule was refused: " + put.error().text());
  const auto details = admin_.schedule(std::string(schedule), 3);
  if (!details) return problem(details.error().text());
  for (const takt::Instant& night : details->upcoming) report_.nights.push_back(name_of(night));
  if (report_.nights.size() != 3) report_.wrong.push_back("the schedule does not say its next three nights");
  return {};
}

Result<void> Later::send() {
  auto client = takt::Client::open({.server = options_.server, .name = "album-producer"});
  if (!client) return problem(client.error().text());
  report_.delay_ms = std::chrono::milliseconds(delay).count();
  sent_ms_ = now_ms();
  const auto delayed = client->send(ThumbnailJob{.job = delayed_job, .source = options_.photo.string(), .long_edge = 160},
                                    {.topic = std::string(topic), .delay = delay});
  if (!delayed) return problem(delayed.error().text());
  const auto failing =
      client->send(ThumbnailJob{.job = failing_job, .source = upload().string(), .long_edge = 160}, {.topic = std::string(topic)});
  if (!failing) return problem(failing.error().text());
  return {};
}

Result<std::vector<LedgerLine>> Later::wait_for(const std::string& job, LedgerEvent event, std::size_t count) const {
  std::vector<LedgerLine> found;
  const bool is_there = becomes([&] {
    found.clear();
    const auto lines = LedgerReader(run_.ledger()).read_new();
    for (const LedgerLine& line : lines ? *lines : std::vector<LedgerLine>())
      if (line.job.starts_with(job) && line.event == event) found.push_back(line);
    return found.size() >= count;
  });
  if (is_there) return found;
  return problem("job " + job + " has " + std::to_string(found.size()) + " of " + std::to_string(count) + " lines '" +
                 std::string(event_name(event)) + "' in " + run_.ledger().string() + " after 60 s");
}

Result<LaterReport> Later::finish() {
  const auto delayed = wait_for(delayed_job, LedgerEvent::kStarted, 1);
  if (!delayed) return takt::failed(delayed.error());
  report_.delayed_after_ms = delayed->front().start_ms - sent_ms_;
  if (report_.delayed_after_ms < report_.delay_ms) report_.wrong.push_back("the delayed job came early");
  if (const auto done = wait_for(delayed_job, LedgerEvent::kEffect, 1); !done) return takt::failed(done.error());
  for (const auto act : {&Later::watch_it_fail, &Later::redrive, &Later::trigger})
    if (auto done = (this->*act)(); !done) return takt::failed(done.error());
  const auto end = worker_->stop(stop_grace);
  if (!end.is_success()) report_.wrong.push_back("album-worker was asked to stop and ended with " + end.text());
  return report_;
}

Result<void> Later::watch_it_fail() {
  const auto failed = wait_for(failing_job, LedgerEvent::kFailed, attempts);
  if (!failed) return takt::failed(failed.error());
  for (std::size_t i = 1; i < failed->size(); ++i) report_.waits_ms.push_back((*failed)[i].start_ms - (*failed)[i - 1].end_ms);
  takt::DeadPage page;
  const bool is_dead = becomes([&] {
    auto dead = admin_.dead_letters(our_dead());
    if (dead) page = *std::move(dead);
    return !page.letters.empty();
  });
  if (!is_dead) return problem("the job that fails is not dead after " + std::to_string(attempts) + " attempts");
  const takt::DeadLetter& letter = page.letters.front();
  report_.dead_because = std::string(takt::text_of(letter.reason)) + ": " + (letter.errors.empty() ? "" : letter.errors.back().text);
  if (letter.reason != takt::DeadReason::kAttempts || letter.attempts != attempts || letter.errors.size() != attempts)
    report_.wrong.push_back("the dead letter does not have its " + std::to_string(attempts) + " attempts");
  return {};
}

Result<void> Later::redrive() {
  std::error_code error;
  std::filesystem::copy_file(options_.photo, upload(), error);
  if (error) return problem(upload().string() + " cannot be made: " + error.message());
  const auto redriven = admin_.redrive(our_dead());
  if (!redriven) return problem(redriven.error().text());
  if (*redriven != 1) report_.wrong.push_back("one job was dead, and " + std::to_string(*redriven) + " were redriven");
  if (const auto done = wait_for(failing_job, LedgerEvent::kEffect, 1); !done) return takt::failed(done.error());
  const auto left = admin_.count_dead(our_dead());
  report_.is_redriven = left && left->messages == 0;
  if (!report_.is_redriven) report_.wrong.push_back("a job that was redriven and done is still dead");
  return {};
}

Result<void> Later::trigger() {
  const auto triggered = admin_.trigger_schedule(std::string(schedule));
  if (!triggered) return problem(triggered.error().text());
  report_.occurrence = name_of(triggered->planned);
  const auto done = wait_for(nightly_job, LedgerEvent::kEffect, 1);
  if (!done) return takt::failed(done.error());
  return {};
}

std::string later_text(const LaterReport& report) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += "  " + std::string(name) + std::string(name.size() < 23 ? 23 - name.size() : 1, ' ') + value + "\n";
  };
  line("delayed", "by " + std::to_string(report.delay_ms) + " ms; it began after " + std::to_string(report.delayed_after_ms) + " ms");
  std::string nights;
  for (const std::string& night : report.nights) nights += (nights.empty() ? "" : ", ") + night;
  line("nightly", "at 02:30 in Berlin: " + nights);
  line("triggered", report.occurrence);
  std::string waits;
  for (const std::int64_t wait : report.waits_ms) waits += (waits.empty() ? "" : ", ") + std::to_string(wait);
  line("failed", std::to_string(report.waits_ms.size() + 1) + " times, after waits of " + waits + " ms; then dead");
  line("dead", report.dead_because);
  line("redriven", report.is_redriven ? "when the photo had come, and done" : "and not done");
  return text;
}

}  // namespace photo
