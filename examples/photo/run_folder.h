#pragma once
// Where a run keeps what it makes: one folder per kind of evidence, so that the final count reads files and nothing
// that the run merely remembers.

#include <filesystem>
#include <string>
#include <vector>

#include "examples/photo/problem.h"

namespace photo {

struct RunFolder {
  std::filesystem::path root;

  std::filesystem::path outputs() const { return root / "outputs"; }  ///< one picture per finished job
  std::filesystem::path effects() const { return root / "effects"; }  ///< one record per finished job, made once
  std::filesystem::path ledger() const { return root / "ledger"; }    ///< one file per worker: what it did
  std::filesystem::path sent() const { return root / "sent"; }        ///< one file per producer: what the broker confirmed
  std::filesystem::path logs() const { return root / "logs"; }
  std::filesystem::path data() const { return root / "data"; }        ///< the broker's
};

/// Makes the folders of a new run below `root`. An earlier run there is removed; anything else there is a Problem and is
/// left alone.
Result<RunFolder> make_run_folder(const std::filesystem::path& root);

/// One message that the broker confirmed as stored.
struct SentLine {
  std::string job;
  std::string message;
};
Result<void> write_sent(const RunFolder& run, const std::string& producer, const std::vector<SentLine>& lines);
/// Of all producers.
Result<std::vector<SentLine>> read_sent(const RunFolder& run);

}  // namespace photo
