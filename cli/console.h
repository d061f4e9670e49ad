#pragma once
// What every command is given: where to write and how, which broker to ask, and how long to wait for it.

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/values.h"

namespace takt::cli {

/// What a script may rely on: descriptors 0 to 2 are open. One that the caller closed (`>&-`) would else become the
/// connection to the broker, and results would be written into it. Call it first of all.
void hold_standard_descriptors();

enum class Format { kTable, kJson };
/// How long work is shown: a bar that is redrawn, plain lines, or not at all.
enum class ProgressStyle { kNone, kLines, kBar };

struct Console {
  Format format = Format::kTable;
  Color color_out = Color::kOff;
  Color color_error = Color::kOff;
  ProgressStyle progress = ProgressStyle::kNone;
  bool verbose = false;
  bool can_ask = false;  ///< a person sits at stdin and sees stderr

  /// Results, to stdout. Nothing else is ever written there. Whether they got there, is_writable() and finish() tell.
  void write(std::string_view text) const;
  /// One JSON document, indented, to stdout.
  void write_document(const nlohmann::ordered_json& document) const;
  /// A command's one result: the document as JSON, or `text` for people, with its newline.
  void write_result(const nlohmann::ordered_json& document, std::string_view text) const;
  /// One JSON value on one line, to stdout, at once: for streams of them.
  void write_line(const nlohmann::ordered_json& value) const;
  /// As write, at once; with its newline.
  void write_now(std::string_view text) const;
  /// For people, to stderr, whatever the format.
  void note(std::string_view text) const;
  /// As note, only with -v.
  void detail(std::string_view text) const;
  void show(const Failure& failure) const;
  /// False once a write to stdout has failed: whoever writes many results stops then.
  bool is_writable() const;
  /// Sends out what stdout still holds; `done`, or why the results did not get out, which is shown. A reader who has
  /// seen enough (`| head`) is no failure.
  ExitCode finish(ExitCode done) const;
};

struct Environment {
  Console console;
  std::string server;
  Milliseconds timeout{5'000};
};

/// Asks on the terminal whether `what` shall be deleted. Fails when the answer is no, or when nobody can be asked.
Result<void, Failure> confirm_deletion(const Console& console, std::string_view what);

}  // namespace takt::cli
