#include "examples/photo/verdict.h"

#include <algorithm>
#include <set>

#include "examples/photo/files.h"
#include "examples/photo/jobs.h"

namespace photo {
namespace {

Result<std::map<std::string, LedgerLine>> read_effects(const RunFolder& run) {
  std::map<std::string, LedgerLine> effects;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run.effects(), error)) {
    if (entry.path().filename().string().starts_with(part_prefix)) continue;
    const auto text = read_file(entry.path());
    if (!text) return takt::failed(text.error());
    auto line = parse_ledger_line(*text);
    if (!line) return problem(entry.path().string() + " is not an effect record");
    effects.emplace(line->job, std::move(*line));
  }
  if (error) return problem(run.effects().string() + " cannot be read: " + error.message());
  return effects;
}

Result<std::map<std::string, std::string>> read_output_hashes(const RunFolder& run) {
  std::map<std::string, std::string> hashes;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run.outputs(), error)) {
    if (entry.path().filename().string().starts_with(part_prefix)) continue;
    const auto bytes = read_file(entry.path());
    if (!bytes) return takt::failed(bytes.error());
    hashes.emplace(entry.path().filename().string(), hash_of(*bytes));
  }
  if (error) return problem(run.outputs().string() + " cannot be read: " + error.message());
  return hashes;
}

bool was_killed(const Evidence& evidence, const std::string& worker) {
  return std::any_of(evidence.kills.begin(), evidence.kills.end(), [&](const Kill& kill) { return kill.worker == worker; });
}

/// One record, its output unchanged, and its line in the ledger of the worker that it names.
void judge_effect(const Evidence& evidence, const Tally& tally, const LedgerLine& effect, Verdict& verdict) {
  const auto name = effect.job + ".jpg";
  const auto output = evidence.output_hashes.find(name);
  if (output == evidence.output_hashes.end()) {
    verdict.wrong.push_back("job " + effect.job + " has an effect record and no output " + name);
    return;
  }
  if (output->second != effect.hash) {
    verdict.wrong.push_back("output " + name + " has hash " + output->second + " and its effect record says " + effect.hash);
    return;
  }
  const auto told = tally.effects_by_job().find(effect.job);
  // A worker may be killed between its record and its line: the record counts.
  if (told == tally.effects_by_job().end() && !was_killed(evidence, effect.worker)) {
    verdict.wrong.push_back("job " + effect.job + " took effect by " + effect.worker + ", whose ledger does not say so");
  }
  ++verdict.finished;
}

void judge_jobs(const Evidence& evidence, const Tally& tally, Verdict& verdict) {
  const auto dead = tally.dead();
  std::set<std::string> sent;
  for (const auto& line : evidence.sent) {
    if (!sent.insert(line.job).second) verdict.wrong.push_back("job " + line.job + " was enqueued twice");
    const auto effect = evidence.effects.find(line.job);
    if (effect != evidence.effects.end()) {
      judge_effect(evidence, tally, effect->second, verdict);
    } else if (dead.contains(line.job)) {
      ++verdict.dead;
    } else {
      ++verdict.lost;
      if (verdict.lost <= 5) verdict.wrong.push_back("job " + line.job + " (message " + line.message + ") is lost: no effect, not dead");
    }
  }
  for (const auto& [job, effect] : evidence.effects) {
    if (!sent.contains(job)) verdict.wrong.push_back("job " + job + " took effect and was never enqueued");
  }
  for (const auto& [job, times] : tally.effects_by_job()) {
    verdict.effects_per_job_most = std::max(verdict.effects_per_job_most, times);
    if (times != 1) verdict.wrong.push_back("job " + job + " took effect " + std::to_string(times) + " times");
    if (!evidence.effects.contains(job))
      verdict.wrong.push_back("the ledger has an effect of job " + job + " and there is no record of it");
  }
  if (evidence.output_hashes.size() != evidence.effects.size()) {
    verdict.wrong.push_back("there are " + std::to_string(evidence.output_hashes.size()) + " outputs and " +
                            std::to_string(evidence.effects.size()) + " effect records");
  }
}

void judge_kill(const Evidence& evidence, const Kill& kill, Verdict& verdict) {
  for (const auto& [message, job] : kill.in_hand) {
    const bool taken_over = std::any_of(evidence.ledger.begin(), evidence.ledger.end(), [&](const LedgerLine& line) {
      return line.message == message && line.worker != kill.worker && line.event != LedgerEvent::kStarted &&
             line.event != LedgerEvent::kReleased;
    });
    if (taken_over) {
      ++verdict.taken_over;
    } else {
      verdict.wrong.push_back("job " + job + " was in the hands of " + kill.worker + " when it was killed, and no other worker ended it");
    }
  }
}

}  // namespace

Result<Evidence> gather_evidence(const RunFolder& run) {
  Evidence evidence;
  auto sent = read_sent(run);
  if (!sent) return takt::failed(sent.error());
  evidence.sent = std::move(*sent);
  auto ledger = LedgerReader(run.ledger()).read_new();
  if (!ledger) return takt::failed(ledger.error());
  evidence.ledger = std::move(*ledger);
  // Read file by file; by time, the first execution of a message is the first one, whoever made it.
  std::ranges::stable_sort(evidence.ledger, {}, [](const LedgerLine& line) { return std::max(line.start_ms, line.end_ms); });
  auto effects = read_effects(run);
  if (!effects) return takt::failed(effects.error());
  evidence.effects = std::move(*effects);
  auto hashes = read_output_hashes(run);
  if (!hashes) return takt::failed(hashes.error());
  evidence.output_hashes = std::move(*hashes);
  return evidence;
}

Verdict judge(const Evidence& evidence) {
  Tally tally;
  for (const auto& line : evidence.ledger) tally.add(line);
  Verdict verdict{.enqueued = evidence.sent.size(),
                  .finished = 0,
                  .dead = 0,
                  .lost = 0,
                  .executions = tally.executions(),
                  .redelivered = tally.redelivered(),
                  .repeats = tally.repeats(),
                  .effects_per_job_most = 0,
                  .taken_over = 0,
                  .wrong = {}};
  judge_jobs(evidence, tally, verdict);
  for (const auto& kill : evidence.kills) judge_kill(evidence, kill, verdict);
  if (!evidence.kills.empty() && verdict.redelivered == 0) verdict.wrong.push_back("a worker was killed and nothing was delivered again");
  return verdict;
}

}  // namespace photo
