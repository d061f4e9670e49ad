#include "examples/photo/execution.h"

#include <unistd.h>

#include "examples/photo/files.h"

namespace photo {
namespace {

std::filesystem::path record_path(const RunFolder& run, const std::string& job) { return run.effects() / (job + ".json"); }

/// Ends the line and writes it. Without its ledger line an execution must not be acked: the job comes again.
Conclusion conclude(Ledger& ledger, LedgerLine line, LedgerEvent event, Conclusion conclusion) {
  line.event = event;
  line.end_ms = now_ms();
  line.text = conclusion.text;
  if (auto told = ledger.append(line); !told) return {Ending::kRetry, told.error().text};
  return conclusion;
}

Conclusion failed_for_now(Ledger& ledger, const LedgerLine& line, const Problem& why) {
  return conclude(ledger, line, LedgerEvent::kFailed, {Ending::kRetry, why.text});
}

}  // namespace

Conclusion execute_once(const RunFolder& run, Ledger& ledger, const Job& job, const Delivery& delivery, const std::stop_token& stop) {
  LedgerLine line{.event = LedgerEvent::kStarted,
                  .job = job_name(job),
                  .kind = std::string(job_kind(job)),
                  .message = delivery.message,
                  .attempt = delivery.attempt,
                  .worker = delivery.worker,
                  .pid = ::getpid(),
                  .start_ms = now_ms(),
                  .end_ms = 0,
                  .output = {},
                  .hash = {},
                  .text = {}};
  if (auto told = ledger.append(line); !told) return {Ending::kRetry, told.error().text};

  const auto name = output_name(line.job);
  if (!name) return conclude(ledger, line, LedgerEvent::kDead, {Ending::kDead, name.error().text});
  if (find_effect(run, line.job)) return conclude(ledger, line, LedgerEvent::kRepeat, {Ending::kDone, {}});

  std::error_code unknown;
  if (!std::filesystem::exists(job_source(job), unknown)) return failed_for_now(ledger, line, {job_source(job) + " is not there yet"});
  const auto picture = std::visit([](const auto& one) { return perform(one); }, job);
  if (!picture) return conclude(ledger, line, LedgerEvent::kDead, {Ending::kDead, picture.error().text});
  const auto bytes = encode_jpeg(*picture);
  if (!bytes) return conclude(ledger, line, LedgerEvent::kDead, {Ending::kDead, bytes.error().text});
  if (stop.stop_requested()) return conclude(ledger, line, LedgerEvent::kReleased, {Ending::kRelease, {}});

  line.output = (run.outputs() / *name).string();
  line.hash = hash_of(text_of(*bytes));
  if (auto written = write_atomically(line.output, text_of(*bytes)); !written) return failed_for_now(ledger, line, written.error());

  LedgerLine record = line;
  record.event = LedgerEvent::kEffect;
  record.end_ms = now_ms();
  const auto first = create_once(record_path(run, line.job), to_json_line(record));
  if (!first) return failed_for_now(ledger, line, first.error());
  return conclude(ledger, line, *first ? LedgerEvent::kEffect : LedgerEvent::kRepeat, {Ending::kDone, {}});
}

std::optional<LedgerLine> find_effect(const RunFolder& run, const std::string& job) {
  const auto text = read_file(record_path(run, job));
  if (!text) return std::nullopt;
  return parse_ledger_line(*text);
}

}  // namespace photo
