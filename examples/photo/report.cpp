#include "examples/photo/report.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "examples/photo/operations.h"

namespace photo {
namespace {

using nlohmann::json;

__attribute__((format(printf, 1, 2))) std::string formatted(const char* format, ...) {
  std::array<char, 512> text{};
  va_list values;
  va_start(values, format);
  std::vsnprintf(text.data(), text.size(), format, values);
  va_end(values);
  return text.data();
}

using Count = unsigned long long;

constexpr std::array<std::string_view, 4> kinds{ThumbnailJob::kind, CropJob::kind, SharpenJob::kind, BlurJob::kind};

Count effects_of(const WorkerTally& tally, std::string_view kind) {
  const auto found = tally.effects_by_kind.find(std::string(kind));
  return found == tally.effects_by_kind.end() ? 0 : found->second;
}

std::string note_of(const WorkerSummary& worker) {
  if (!worker.kill) return {};
  return formatted("killed at %.0f %% with %zu jobs in hand", worker.kill->at_percent, worker.kill->in_hand.size());
}

std::string table_row(const std::string& name, const std::string& mode, const std::string& pid, const WorkerTally& tally,
                      const std::string& note) {
  std::string row = formatted("  %-12s %-5s %8s", name.c_str(), mode.c_str(), pid.c_str());
  for (const auto kind : kinds) row += formatted(" %9llu", effects_of(tally, kind));
  row += formatted(" %9llu %11llu", static_cast<Count>(tally.effects), static_cast<Count>(tally.redelivered));
  return row + (note.empty() ? "" : "  " + note) + "\n";
}

WorkerTally sum_of(const RunSummary& run) {
  WorkerTally sum;
  for (const auto& worker : run.workers) {
    const auto& tally = run.tally.of(worker.name);
    for (const auto& [kind, count] : tally.effects_by_kind) sum.effects_by_kind[kind] += count;
    sum.effects += tally.effects;
    sum.redelivered += tally.redelivered;
  }
  return sum;
}

json worker_json(const RunSummary& run, const WorkerSummary& worker) {
  const auto& tally = run.tally.of(worker.name);
  json by_kind = json::object();
  for (const auto kind : kinds) by_kind[std::string(kind)] = effects_of(tally, kind);
  json in_hand = json::array();
  if (worker.kill) {
    for (const auto& [message, job] : worker.kill->in_hand) in_hand.push_back({{"message", message}, {"job", job}});
  }
  return {{"name", worker.name},
          {"mode", worker.mode},
          {"pid", worker.pid},
          {"finished", tally.effects},
          {"by_kind", by_kind},
          {"executions", tally.executions},
          {"redelivered", tally.redelivered},
          {"repeats", tally.repeats},
          {"dead", tally.dead},
          {"killed", worker.kill.has_value()},
          {"killed_at_percent", worker.kill ? json(worker.kill->at_percent) : json(nullptr)},
          {"in_hand_when_killed", in_hand}};
}

Color color_of_worker(const RunSummary& run, const std::string& name) {
  for (std::size_t i = 0; i < run.workers.size(); ++i) {
    if (run.workers[i].name == name) return worker_color(i);
  }
  return neutral_color();
}

/// The middle of a picture: what sharpening and blurring did cannot be seen in a small whole.
Image middle_of(const Image& image) {
  auto part = cropped(image, {.left = 350, .top = 350, .width = 300, .height = 300});
  return part ? *std::move(part) : image;
}

SheetTile tile_of(const RunSummary& run, const Job& job, const LedgerLine& effect) {
  const bool detail = std::holds_alternative<SharpenJob>(job) || std::holds_alternative<BlurJob>(job);
  auto picture = load_jpeg(effect.output, detail ? 0 : sheet_tile_edge);
  SheetTile tile{.picture = {}, .caption = job_caption(job) + (detail ? ", detail" : ""), .frame = color_of_worker(run, effect.worker)};
  if (picture) tile.picture = thumbnail(detail ? middle_of(*picture) : *picture, sheet_tile_edge);
  return tile;
}

/// One finished job of each kind for a photo; which one varies from photo to photo, so that the sheet shows early and
/// late jobs alike.
SheetStrip strip_of(const RunSummary& run, std::size_t photo_index) {
  const auto& photo = run.photos[photo_index];
  SheetStrip strip{.title = photo.stem().string(), .tiles = {}};
  SheetTile original{.picture = {}, .caption = "original"};
  if (auto picture = load_jpeg(photo, sheet_tile_edge)) {
    const auto size = jpeg_size(photo);
    original.picture = thumbnail(*picture, sheet_tile_edge);
    if (size) original.caption += formatted(" %d x %d", size->width, size->height);
  } else {
    original.caption = "not a readable JPEG";
  }
  strip.tiles.push_back(std::move(original));
  for (const auto kind : kinds) {
    std::vector<const Job*> finished;
    for (const auto& job : run.jobs) {
      if (job_kind(job) == kind && job_source(job) == photo && run.evidence.effects.contains(job_name(job))) finished.push_back(&job);
    }
    if (finished.empty()) continue;
    const Job& chosen = *finished[(photo_index * 2 + strip.tiles.size()) % finished.size()];
    strip.tiles.push_back(tile_of(run, chosen, run.evidence.effects.at(job_name(chosen))));
  }
  return strip;
}

}  // namespace

std::string worker_table(const RunSummary& run) {
  std::string table = formatted("  %-12s %-5s %8s %9s %9s %9s %9s %9s %11s\n", "worker", "mode", "pid", "thumbnail", "crop", "sharpen",
                                "blur", "finished", "redelivered");
  for (const auto& worker : run.workers) {
    table += table_row(worker.name, worker.mode, std::to_string(worker.pid), run.tally.of(worker.name), note_of(worker));
  }
  return table + table_row("all", "", "", sum_of(run), "");
}

std::string proof_text(const RunSummary& run) {
  const auto& verdict = run.verdict;
  const auto row = [](std::string_view name, Count value, std::string_view where) {
    return formatted("  %-22s %7llu   %s\n", std::string(name).c_str(), value, std::string(where).c_str());
  };
  std::string text;
  text += row("enqueued", verdict.enqueued, "messages that the broker confirmed to the producers");
  text += row("finished", verdict.finished, "jobs whose output file is there, unchanged since its effect record");
  if (verdict.dead > 0) text += row("dead", verdict.dead, "jobs that cannot be done, each with its reason in the ledger");
  text += row("lost", verdict.lost, "jobs with neither");
  text += row("effects per job, most", verdict.effects_per_job_most, "effect lines of one job in all ledgers");
  text += row("executions", verdict.executions, "handler runs in all ledgers");
  text += row("redelivered", verdict.redelivered, "executions beyond the first of a message");
  text += row("repeats", verdict.repeats, "executions that found the effect there already and added none");
  text += row("taken over", verdict.taken_over, "jobs in the killed worker's hand that another worker ended");
  text += row("owed by the broker", run.group.owed, "ready, leased, retrying or held in its group");
  return text;
}

std::string report_json(const RunSummary& run) {
  const auto& verdict = run.verdict;
  json workers = json::array();
  for (const auto& worker : run.workers) workers.push_back(worker_json(run, worker));
  json dead = json::array();
  for (const auto& [job, reason] : run.tally.dead()) dead.push_back({{"job", job}, {"reason", reason}});
  json killed_at = nullptr;
  if (!run.evidence.kills.empty()) killed_at = run.evidence.kills.front().at_percent;
  const json report{{"enqueued", verdict.enqueued},
                    {"finished", verdict.finished},
                    {"lost", verdict.lost},
                    {"dead", verdict.dead},
                    {"redelivered", verdict.redelivered},
                    {"killed", run.evidence.kills.size()},
                    {"killed_at_percent", killed_at},
                    {"seconds", run.seconds},
                    {"worker_cpu_seconds", run.worker_cpu_seconds},
                    {"executions", verdict.executions},
                    {"repeats", verdict.repeats},
                    {"effects_per_job_most", verdict.effects_per_job_most},
                    {"taken_over", verdict.taken_over},
                    {"owed_by_broker", run.group.owed},
                    {"photos", run.photos.size()},
                    {"later",
                     {{"delay_ms", run.later.delay_ms},
                      {"delayed_after_ms", run.later.delayed_after_ms},
                      {"nights", run.later.nights},
                      {"occurrence", run.later.occurrence},
                      {"waits_ms", run.later.waits_ms},
                      {"dead_because", run.later.dead_because},
                      {"redriven", run.later.is_redriven}}},
                    {"workers", workers},
                    {"dead_jobs", dead},
                    {"wrong", verdict.wrong}};
  return report.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

SheetContent sheet_content(const RunSummary& run) {
  const auto& verdict = run.verdict;
  SheetContent content;
  content.title = formatted("%llu photo jobs, %zu workers", static_cast<Count>(verdict.enqueued), run.workers.size());
  content.subtitle = formatted("%llu finished once, %llu lost, %llu redelivered, %.1f s", static_cast<Count>(verdict.finished),
                               static_cast<Count>(verdict.lost), static_cast<Count>(verdict.redelivered), run.seconds);
  if (!run.evidence.kills.empty()) {
    const auto& kill = run.evidence.kills.front();
    content.subtitle += formatted("; %s was killed at %.0f %% with %zu jobs in hand, which others finished", kill.worker.c_str(),
                                  kill.at_percent, kill.in_hand.size());
  }
  for (std::size_t i = 0; i < run.workers.size(); ++i) {
    const auto& worker = run.workers[i];
    content.legend.push_back(
        {worker_color(i), formatted("%s %s, %llu jobs%s", worker.name.c_str(), worker.mode.c_str(),
                                    static_cast<Count>(run.tally.of(worker.name).effects), worker.kill ? ", killed" : "")});
  }
  for (std::size_t i = 0; i < run.photos.size() && content.strips.size() < sheet_strips_max; ++i)
    content.strips.push_back(strip_of(run, i));
  return content;
}

}  // namespace photo
