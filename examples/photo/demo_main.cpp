// photo_demo: the whole example in one command (demo.h).

#include <CLI/CLI.hpp>
#include <iostream>

#include "examples/photo/demo.h"

namespace {

volatile std::sig_atomic_t interrupted = 0;

extern "C" void photo_demo_interrupt(int) { interrupted = 1; }

int complain(const std::string& text) {
  std::cerr << "photo_demo: " << text << std::endl;
  return 1;
}

std::filesystem::path folder_of_this_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

void describe(CLI::App& app, photo::DemoOptions& options, bool& small) {
  app.add_option("--out", options.out, "Folder for contact-sheet.png, report.json and the run's files")->capture_default_str();
  app.add_option("--photos", options.photos, "Folder with .jpg files")->capture_default_str();
  app.add_option("--jobs", options.jobs, "Jobs, at least")->capture_default_str()->check(CLI::Range(20, 1'000'000));
  app.add_option("--seconds-at-least", options.seconds_at_least,
                 "Plan more jobs where --jobs would take less; 0: never (the default with --jobs)")
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--workers", options.workers, "Worker processes; every other one pulls")->capture_default_str()->check(CLI::Range(2, 64));
  app.add_option("--concurrency", options.concurrency, "Jobs at a time of each worker")->capture_default_str()->check(CLI::Range(2, 64));
  app.add_flag("--small", small, "Pictures of a third of the size: quick work for tests");
}

void print_results(const photo::DemoOptions& options, const photo::RunSummary& summary) {
  std::cout << "\nWho did what\n" << photo::worker_table(summary);
  std::cout << "\nWhat became of the jobs, counted from files outside the broker\n" << photo::proof_text(summary);
  std::cout << "\nWhat came later, beside the work\n" << photo::later_text(summary.later);
  std::printf("\n%.1f s, %.1f s of processor time in the workers\n", summary.seconds, summary.worker_cpu_seconds);
  std::cout << "contact sheet  " << (options.out / "contact-sheet.png").string() << "\nreport         "
            << (options.out / "report.json").string() << "\npictures       " << (options.out / "run" / "outputs").string() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Real photos, a durable broker, a pool of workers, one of which is killed: every job finishes once in effect.",
               "photo_demo");
  photo::DemoOptions options;
  bool small = false;
  describe(app, options, small);
  CLI11_PARSE(app, argc, argv);
  if (app.count("--jobs") > 0 && app.count("--seconds-at-least") == 0) options.seconds_at_least = 0.0;
  options.size = small ? photo::WorkSize::kSmall : photo::WorkSize::kFull;
  options.programs = folder_of_this_program();
  options.interrupted = &interrupted;
  std::signal(SIGINT, photo_demo_interrupt);
  std::signal(SIGTERM, photo_demo_interrupt);

  const auto summary = photo::run_demo(options);
  if (!summary) return complain(summary.error().text);
  print_results(options, *summary);
  for (const auto& sentence : summary->verdict.wrong) complain("wrong: " + sentence);
  return summary->verdict.is_right() ? 0 : 1;
}
