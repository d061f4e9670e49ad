#include "cli/command_line.h"
#include "cli/console.h"

int main(int argc, char** argv) {
  takt::cli::hold_standard_descriptors();
  return takt::cli::run_command_line({argv + 1, argv + argc});
}
