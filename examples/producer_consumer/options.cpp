#include "options.hpp"

#include "one_line.hpp"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <thread>

#include <sys/stat.h>

namespace producer_consumer {

namespace {

// One participant each of the 255 that a queue has places for, less some for those being replaced.
constexpr unsigned consumers_max = 200;

constexpr const char* description =
    "Counts lines, words and bytes of every regular file below the PATHs, as wc does in the C\n"
    "locale: one process walks, several count, and any of them may be killed.";

constexpr const char* footer =
    "Symbolic links are not followed. Files that cannot be read are named at the end.\n"
    "Exit status: 0 all counted; 1 some files could not be read, or the job failed; 2 wrong\n"
    "usage or a missing PATH, nothing was started; 128 + n stopped by signal n.";

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

}  // namespace

std::optional<options> read_options(int argc, char** argv, int& exit_status) {
  options read;
  read.consumers = std::clamp(std::thread::hardware_concurrency(), 1U, consumers_max);

  CLI::App app{description, "producer_consumer"};
  app.footer(footer);
  app.add_option("--consumers", read.consumers,
                 "Processes that count; one for each core if left out")
      ->type_name("N")
      ->check(CLI::Range(1U, consumers_max));
  app.add_flag("--kill-one", read.kill_one,
               "Kill one consumer with a file in its hands, and show the recovery");
  app.add_flag("--quiet", read.quiet, "Print only the final lines");
  app.add_option("PATH", read.paths,
                 "Files and directories; /usr/include and /usr/share/doc if left out")
      ->type_name("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }

  exit_status = 2;
  if (read.paths.empty()) {
    for (const char* path : {"/usr/include", "/usr/share/doc"})
      if (exists(path)) read.paths.emplace_back(path);
    if (read.paths.empty()) {
      std::cerr
          << "producer_consumer: neither /usr/include nor /usr/share/doc is here; name a PATH\n";
      return std::nullopt;
    }
  }
  bool missing = false;
  for (const std::string& path : read.paths) {
    if (exists(path)) continue;
    const int error = errno;
    missing = true;
    std::cerr << "producer_consumer: cannot count \"" << one_line(path)
              << "\": " << std::strerror(error) << "; nothing was started\n";
  }
  if (missing) return std::nullopt;
  exit_status = 0;
  return read;
}

}  // namespace producer_consumer
