#include "examples/photo/demo.h"

#include <poll.h>
#include <takt/admin.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>

#include "examples/photo/broker.h"
#include "examples/photo/execution.h"
#include "examples/photo/files.h"
#include "examples/photo/later.h"
#include "examples/photo/progress.h"
#include "examples/photo/workload.h"

namespace photo {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view topic = "photos";
constexpr std::string_view group = "photo-workers";
constexpr std::size_t producers = 2;
constexpr auto tick = 20ms;
constexpr auto standstill_max = 120s;
constexpr auto settle_timeout = 60s;
constexpr auto stop_grace = 30s;
/// The kill must fall between 30 and 60 %; it is tried from a little above the lower bound.
constexpr double kill_from_percent = 33.0;
constexpr double kill_least_percent = 30.0;
constexpr double kill_most_percent = 60.0;
constexpr std::size_t kill_leases_least = 2;
/// The first push worker holds leases for what it runs and for what waits in it.
constexpr std::size_t victim_index = 0;

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string worker_name(std::size_t index) { return "worker-" + std::to_string(index + 1); }
std::string_view worker_mode(std::size_t index) { return index % 2 == 0 ? "push" : "pull"; }

struct PoolWorker {
  Process process;
  std::string_view mode;
  std::optional<Kill> kill;
};

class DemoRun {
 public:
  DemoRun(const DemoOptions& options, RunFolder run, std::vector<std::filesystem::path> photos, std::vector<Job> jobs)
      : options_(options),
        run_(std::move(run)),
        photos_(std::move(photos)),
        jobs_(std::move(jobs)),
        ledger_(run_.ledger()) {}

  Result<RunSummary> run();

 private:
  Result<void> start_all();
  std::filesystem::path a_readable_one() const;
  Result<Process> start_producer(std::size_t index) const;
  Result<PoolWorker> start_worker(std::size_t index) const;
  Result<void> work_until_all_is_done();
  Result<void> read_ledger();
  Result<void> check_processes();
  Result<void> try_to_kill();
  std::map<std::string, std::string> in_hand_of(const std::string& worker) const;
  ProgressView view() const;
  std::uint64_t done() const { return tally_.finished() + tally_.dead().size(); }
  Result<GroupSummary> ask_group(takt::Admin& admin) const;
  Result<GroupSummary> wait_until_nothing_is_owed() const;
  Result<void> stop_all();
  Result<RunSummary> sum_up(const GroupSummary& group_summary, const LaterReport& later) const;

  const DemoOptions& options_;
  const RunFolder run_;
  const std::vector<std::filesystem::path> photos_;
  const std::vector<Job> jobs_;

  LedgerReader ledger_;
  Tally tally_;
  RateMeter rate_;
  ProgressDisplay display_;
  SteadyClock::time_point began_{};
  SteadyClock::time_point finished_{};
  double worker_cpu_seconds_ = 0.0;

  // The broker is destroyed last, so that its clients can still say goodbye.
  std::optional<Broker> broker_;
  std::vector<Process> producers_;
  std::vector<PoolWorker> workers_;
  std::optional<Later> later_;
};

Result<RunSummary> DemoRun::run() {
  if (auto started = start_all(); !started) return takt::failed(started.error());
  if (auto worked = work_until_all_is_done(); !worked) return takt::failed(worked.error());
  display_.finish(view());
  const auto group_summary = wait_until_nothing_is_owed();
  if (!group_summary) return takt::failed(group_summary.error());
  const auto later = later_->finish();
  if (!later) return takt::failed(later.error());
  if (auto stopped = stop_all(); !stopped) return takt::failed(stopped.error());
  return sum_up(*group_summary, *later);
}

Result<void> DemoRun::start_all() {
  auto broker = Broker::start(options_.programs / "taktd", run_);
  if (!broker) return takt::failed(broker.error());
  broker_.emplace(*std::move(broker));
  display_.say("taktd listens on " + broker_->server() + ", pid " + std::to_string(broker_->process().pid()) + ", data in " +
               run_.data().string());
  for (std::size_t i = 0; i < options_.workers; ++i) {
    auto worker = start_worker(i);
    if (!worker) return takt::failed(worker.error());
    display_.say(worker->process.name() + " is a process of its own: pid " + std::to_string(worker->process.pid()) + ", " +
                 std::string(worker->mode) + ", " + std::to_string(options_.concurrency) + " jobs at a time");
    workers_.push_back(*std::move(worker));
  }
  auto later = Later::begin(
      {.server = broker_->server(), .programs = options_.programs, .root = run_.root.parent_path() / "later", .photo = a_readable_one()});
  if (!later) return takt::failed(later.error());
  later_.emplace(*std::move(later));
  began_ = SteadyClock::now();
  for (std::size_t i = 0; i < producers; ++i) {
    auto producer = start_producer(i);
    if (!producer) return takt::failed(producer.error());
    producers_.push_back(*std::move(producer));
  }
  return {};
}

std::filesystem::path DemoRun::a_readable_one() const {
  for (const auto& photo : photos_)
    if (load_jpeg(photo.string(), 160)) return photo;
  return photos_.front();
}

Result<Process> DemoRun::start_producer(std::size_t index) const {
  const std::string name = "producer-" + std::to_string(index + 1);
  std::vector<std::string> arguments{"--server", broker_->server(),
                                     "--topic",  std::string(topic),
                                     "--name",   name,
                                     "--photos", options_.photos.string(),
                                     "--jobs",   std::to_string(jobs_.size()),
                                     "--part",   std::to_string(index + 1),
                                     "--parts",  std::to_string(producers),
                                     "--run",    run_.root.string()};
  if (options_.size == WorkSize::kSmall) arguments.emplace_back("--small");
  return Process::start(
      {.name = name, .program = options_.programs / "photo_producer", .arguments = arguments, .log = run_.logs() / (name + ".log")});
}

Result<PoolWorker> DemoRun::start_worker(std::size_t index) const {
  const std::string name = worker_name(index);
  const std::string mode(worker_mode(index));
  auto process = Process::start(
      {.name = name,
       .program = options_.programs / "photo_worker",
       .arguments = {"--server", broker_->server(), "--topic", std::string(topic), "--group", std::string(group), "--name", name, "--mode",
                     mode, "--concurrency", std::to_string(options_.concurrency), "--run", run_.root.string()},
       .log = run_.logs() / (name + ".log")});
  if (!process) return takt::failed(process.error());
  return PoolWorker{.process = *std::move(process), .mode = worker_mode(index), .kill = std::nullopt};
}

Result<void> DemoRun::work_until_all_is_done() {
  auto last_step = SteadyClock::now();
  std::uint64_t last_done = 0;
  while (done() < jobs_.size()) {
    if (options_.interrupted != nullptr && *options_.interrupted != 0)
      return problem("interrupted at " + std::to_string(done()) + " of " + std::to_string(jobs_.size()) + " jobs");
    if (auto read = read_ledger(); !read) return read;
    if (auto fine = check_processes(); !fine) return fine;
    if (!workers_[victim_index].kill) {
      if (auto tried = try_to_kill(); !tried) return tried;
    }
    const auto now = SteadyClock::now();
    if (done() != last_done) last_step = now;
    last_done = done();
    if (now - last_step > standstill_max) return problem("nothing has been finished for 120 s; look into " + run_.logs().string());
    rate_.add(now, done());
    display_.show(view());
    ::poll(nullptr, 0, static_cast<int>(tick.count()));
  }
  finished_ = SteadyClock::now();
  for (auto& producer : producers_) producer.wait_end(10s);
  if (auto fine = check_processes(); !fine) return fine;
  if (!workers_[victim_index].kill)
    return problem("the jobs were over before a worker could be killed between 30 and 60 %: ask for more --jobs");
  return {};
}

Result<void> DemoRun::read_ledger() {
  auto lines = ledger_.read_new();
  if (!lines) return takt::failed(lines.error());
  for (const auto& line : *lines) {
    const bool first_death = line.event == LedgerEvent::kDead && !tally_.dead().contains(line.job);
    tally_.add(line);
    if (first_death && tally_.dead().size() <= 5) display_.say("dead: job " + line.job + ": " + line.text);
  }
  return {};
}

/// Nobody ends before it is told to, but producers that have sent all and the worker that was killed.
Result<void> DemoRun::check_processes() {
  const auto ended = [](Process& process) -> Result<void> {
    const auto end = process.poll_end();
    if (!end) return {};
    return problem(process.name() + " ended with " + end->text() + ":\n" + log_tail(process.log(), 8));
  };
  if (auto fine = ended(broker_->process()); !fine) return fine;
  for (auto& worker : workers_) {
    if (worker.kill) continue;
    if (auto fine = ended(worker.process); !fine) return fine;
  }
  for (auto& producer : producers_) {
    const auto end = producer.poll_end();
    if (end && !end->is_success()) return ended(producer);
  }
  return {};
}

std::map<std::string, std::string> DemoRun::in_hand_of(const std::string& worker) const {
  auto running = tally_.of(worker).running;
  std::erase_if(running, [&](const auto& entry) { return find_effect(run_, entry.second).has_value(); });
  return running;
}

/// Freezes the worker first, so that what its ledger says cannot change between the look and the kill: every job that it
/// has started and not ended is un-acked, so its lease is held.
Result<void> DemoRun::try_to_kill() {
  if (percent(done(), jobs_.size()) < kill_from_percent) return {};
  PoolWorker& victim = workers_[victim_index];
  const std::string& name = victim.process.name();
  if (tally_.of(name).running.size() < kill_leases_least) return {};
  if (!victim.process.freeze()) return {};
  if (auto read = read_ledger(); !read) return read;
  Kill kill{.worker = name, .at_percent = percent(done(), jobs_.size()), .in_hand = in_hand_of(name)};
  if (kill.in_hand.size() < kill_leases_least || kill.at_percent < kill_least_percent) {
    victim.process.thaw();
    return {};
  }
  if (kill.at_percent > kill_most_percent)
    return problem("no moment between 30 and 60 % was found at which " + name + " held two jobs: ask for more --jobs");
  worker_cpu_seconds_ += victim.process.kill().cpu_seconds;
  std::string names;
  for (const auto& [message, job] : kill.in_hand) names += " " + job;
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(),
                "kill -9 %lld: %s dies at %.0f %% with %zu jobs in hand:", static_cast<long long>(victim.process.pid()), name.c_str(),
                kill.at_percent, kill.in_hand.size());
  display_.say(text.data() + names);
  victim.kill = std::move(kill);
  return {};
}

ProgressView DemoRun::view() const {
  ProgressView view{.done = done(),
                    .total = jobs_.size(),
                    .per_second = rate_.per_second(),
                    .left = rate_.left(jobs_.size() - std::min<std::uint64_t>(done(), jobs_.size())),
                    .workers = {}};
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    view.workers.emplace_back((workers_[i].kill ? "x" : "w") + std::to_string(i + 1), tally_.of(worker_name(i)).effects);
  }
  return view;
}

Result<GroupSummary> DemoRun::ask_group(takt::Admin& admin) const {
  const auto groups = admin.groups(std::string(topic));
  if (!groups) return problem("the broker does not list its groups: " + groups.error().text());
  GroupSummary summary;
  bool found = false;
  for (const auto& one : *groups) {
    if (one.name != group) continue;
    found = true;
    summary.owed += one.ready + one.leased + one.retrying + one.held;
    summary.done += one.done;
    summary.dead += one.dead;
  }
  if (!found) return problem("the broker knows no group " + std::string(group));
  return summary;
}

/// The last acks are on their way when the last ledger line is written.
Result<GroupSummary> DemoRun::wait_until_nothing_is_owed() const {
  auto admin = takt::Admin::open({.server = broker_->server(), .name = "photo-demo"});
  if (!admin) return problem(admin.error().text());
  const auto until = SteadyClock::now() + settle_timeout;
  while (true) {
    auto summary = ask_group(*admin);
    if (!summary || summary->owed == 0 || SteadyClock::now() > until) return summary;
    ::poll(nullptr, 0, static_cast<int>(tick.count()));
  }
}

Result<void> DemoRun::stop_all() {
  for (auto& worker : workers_) {
    if (worker.kill) continue;
    const auto end = worker.process.stop(stop_grace);
    worker_cpu_seconds_ += end.cpu_seconds;
    if (!end.is_success())
      return problem(worker.process.name() + " was asked to stop and ended with " + end.text() + ":\n" + log_tail(worker.process.log(), 8));
  }
  const auto end = broker_->process().stop(stop_grace);
  if (!end.is_success())
    return problem("taktd was asked to stop and ended with " + end.text() + ":\n" + log_tail(broker_->process().log(), 8));
  return {};
}

Result<RunSummary> DemoRun::sum_up(const GroupSummary& group_summary, const LaterReport& later) const {
  // The killed worker may have left files that it had not finished.
  for (const auto& folder : {run_.outputs(), run_.effects()}) {
    if (auto removed = remove_parts(folder); !removed) return takt::failed(removed.error());
  }
  auto evidence = gather_evidence(run_);
  if (!evidence) return takt::failed(evidence.error());
  RunSummary summary{.workers = {},
                     .photos = photos_,
                     .jobs = jobs_,
                     .evidence = *std::move(evidence),
                     .tally = {},
                     .verdict = {},
                     .group = group_summary,
                     .later = later,
                     .seconds = std::chrono::duration<double>(finished_ - began_).count(),
                     .worker_cpu_seconds = worker_cpu_seconds_};
  for (const auto& worker : workers_) {
    summary.workers.push_back(
        {.name = worker.process.name(), .mode = std::string(worker.mode), .pid = worker.process.pid(), .kill = worker.kill});
    if (worker.kill) summary.evidence.kills.push_back(*worker.kill);
  }
  for (const auto& line : summary.evidence.ledger) summary.tally.add(line);
  summary.verdict = judge(summary.evidence);
  auto& wrong = summary.verdict.wrong;
  wrong.insert(wrong.end(), later.wrong.begin(), later.wrong.end());
  if (summary.verdict.enqueued != jobs_.size()) {
    wrong.push_back(std::to_string(jobs_.size()) + " jobs were planned and " + std::to_string(summary.verdict.enqueued) + " were enqueued");
  }
  if (group_summary.owed != 0) wrong.push_back("the broker's group still owes " + std::to_string(group_summary.owed) + " messages");
  if (group_summary.done != summary.verdict.enqueued || group_summary.dead != summary.verdict.dead) {
    wrong.push_back("the broker's group finished " + std::to_string(group_summary.done) + " messages, " +
                    std::to_string(group_summary.dead) + " of them as dead; it should be " + std::to_string(summary.verdict.enqueued) +
                    " and " + std::to_string(summary.verdict.dead));
  }
  return summary;
}

Result<void> write_results(const DemoOptions& options, const RunSummary& summary) {
  const auto sheet = encode_png(compose_sheet(sheet_content(summary)));
  if (!sheet) return takt::failed(sheet.error());
  if (auto written = write_atomically(options.out / "contact-sheet.png", text_of(*sheet)); !written) return written;
  return write_atomically(options.out / "report.json", report_json(summary));
}

}  // namespace

Result<RunSummary> run_demo(const DemoOptions& options) {
  const auto photos = find_photos(options.photos);
  if (!photos) return takt::failed(photos.error());
  if (auto made = make_folder(options.out); !made) return takt::failed(made.error());
  const auto out = std::filesystem::absolute(options.out);
  auto run = make_run_folder(out / "run");
  if (!run) return takt::failed(run.error());
  std::error_code ignored;  // a report of an earlier run must not pass for this one's
  std::filesystem::remove(out / "report.json", ignored);
  std::filesystem::remove(out / "contact-sheet.png", ignored);

  if (options.seconds_at_least > 0) std::cout << "timing a few jobs to know how many keep this machine busy ..." << std::endl;
  auto workload = plan_workload(*photos, {.jobs = options.jobs,
                                          .seconds_at_least = options.seconds_at_least,
                                          .threads = options.workers * options.concurrency,
                                          .size = options.size});
  if (!workload) return takt::failed(workload.error());
  std::cout << workload->jobs.size() << " jobs over " << photos->size() << " photos of " << options.photos.string();
  if (workload->cpu_seconds_per_job > 0) std::printf(", about %.2f s of processor time each", workload->cpu_seconds_per_job);
  std::cout << std::endl;

  auto summary = DemoRun(options, *std::move(run), *photos, std::move(workload->jobs)).run();
  if (!summary) return summary;
  if (auto written = write_results(options, *summary); !written) return takt::failed(written.error());
  return summary;
}

}  // namespace photo
