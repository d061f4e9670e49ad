#include "tests/crash/faults.h"

#include <algorithm>
#include <csignal>

#include "tests/crash/examiner.h"
#include "tests/support/broker_process.h"

namespace takt::crash {
namespace {

constexpr std::uint64_t messages = 150;
constexpr std::uint64_t power_losses = 8;   // tried after each fault

std::string name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::kFail: return "fail";
    case FaultKind::kShort: return "short";
    case FaultKind::kFull: return "full";
  }
  return "";
}

std::optional<std::string> struck_call(const Journal& journal) {
  const auto struck = std::ranges::find(journal.records(), RecordType::kStruck, &Record::type);
  return struck == journal.records().end() ? std::nullopt : std::optional<std::string>(struck->text());
}

/// Empty: it ended as it should.
std::string complaint_about_end(const Recording& recording) {
  if (recording.end == Recording::End::kHung) return "the broker hangs";
  if (recording.end == Recording::End::kStopped) return "";
  const auto says = [&](const char* text) { return recording.log.find(text) != std::string::npos; };
  const bool has_said_why = says("takt: store: writing ") || (recording.signal == 0 && says("TK"));
  if ((recording.signal != 0 && recording.signal != SIGABRT) || !has_said_why)
    return "the broker ended by signal " + std::to_string(recording.signal) + " without a reason: " + recording.log;
  return "";
}

/// What the broker left behind, and what a loss of power at that instant could leave of it.
std::string complaint_about_data(const Recording& recording, const Journal& journal, const std::filesystem::path& scratch,
                                 FaultsReport& report) {
  const History history(journal, recording.data, scratch);
  const std::size_t last = journal.records().size() - 1;
  Disk disk;
  for (const Record& record : journal.records())
    if (record.type != RecordType::kMark && record.type != RecordType::kStruck) disk[static_cast<std::size_t>(record.file)].take(record);
  const ImageFolder image(scratch / "fault", recording.data);
  for (std::uint64_t seed = 1; seed <= power_losses; ++seed) {
    sim::Random random(seed);
    for (std::size_t i = 0; i < disk.size(); ++i) image.put(static_cast<StoreFile>(i), after_power_loss(disk[i], random).bytes());
    const Finding finding = examine(image.path(), history, history.reach(last));
    ++report.images;
    if (finding.kind != Finding::Kind::kRight) return "after a loss of power (" + std::to_string(seed) + "): " + finding.what;
  }
  const Finding finding = examine(recording.data, history, history.reach(last));
  return finding.kind == Finding::Kind::kRight ? "" : finding.what;
}

/// The disk is well again.
std::string complaint_about_restart(const RecordingPlan& plan, const Recording& recording) {
  try {
    takt::testing::BrokerProcess broker({.folder = plan.folder / "again", .data = recording.data});
    const auto end = broker.stop(std::chrono::seconds(60));
    return end && end->is_success() ? "" : "the broker does not stop in order afterwards: " + broker.log_text();
  } catch (const std::runtime_error& error) {
    return std::string("the broker does not start afterwards: ") + error.what();
  }
}

/// Counts nothing but itself when the fault never came to pass: commits are grouped by time, so runs differ in their calls.
void run(const RecordingPlan& plan, const std::filesystem::path& scratch, std::uint64_t call, FaultsReport& report) {
  ++report.runs;
  std::filesystem::remove_all(plan.folder);
  std::filesystem::create_directories(plan.folder / "again");
  const Recording recording = record(plan);
  const Journal journal(recording.journal);
  const auto struck = struck_call(journal);
  if (!struck) return;
  ++report.struck;
  ++(recording.end == Recording::End::kStopped ? report.survived : report.stopped);
  std::string complaint = complaint_about_end(recording);
  const bool has_log =
      std::filesystem::exists(recording.data / "identity.toml") &&
      std::ranges::any_of(journal.records(), [](const Record& r) { return r.type == RecordType::kWritten && r.file == StoreFile::kLog; });
  try {
    if (complaint.empty() && has_log) complaint = complaint_about_data(recording, journal, scratch, report);
  } catch (const std::runtime_error& error) {
    complaint = error.what();
  }
  if (complaint.empty()) complaint = complaint_about_restart(plan, recording);
  if (complaint.empty())
    std::filesystem::remove_all(plan.folder);
  else
    report.failures.push_back({call, plan.fault + " (" + *struck + "): " + complaint});
}

}  // namespace

FaultsReport examine_faults(const FaultsPlan& plan) {
  FaultsReport report{.calls = plan.count};
  for (const FaultKind kind : plan.kinds) {
    for (std::uint64_t i = 0; i < plan.count; ++i) {
      const std::uint64_t call = plan.first_call + i * plan.step;
      const std::string fault = name_of(kind) + ":" + std::to_string(call) + (plan.is_wal_only ? ":log.wal" : "");
      RecordingPlan run_plan{.folder = plan.folder / (name_of(kind) + "-" + std::to_string(call)), .seed = call, .messages = messages};
      run_plan.send_timeout = std::chrono::seconds(1);
      run_plan.fault = fault;
      run(run_plan, plan.scratch, call, report);
    }
  }
  return report;
}

}  // namespace takt::crash
