#include "totals_line.hpp"

#include <algorithm>
#include <regex>
#include <sstream>

namespace hawser::test {

total total_of(const std::string& output) {
  static const std::regex form{
      R"((?:^|\n)total (\d+) files (\d+) lines (\d+) words (\d+) bytes in \d+\.\d+ s, \d+\.\d+ MB/s\n$)"};
  std::smatch parts;
  if (!std::regex_search(output, parts, form)) return {};
  return {std::stoull(parts[1]), std::stoull(parts[2]), std::stoull(parts[3]),
          std::stoull(parts[4])};
}

total wc_of(const std::vector<std::string>& roots) {
  // Through xargs, and a line for each file: names of any bytes, and any number of files.
  const std::string script =
      R"(export LC_ALL=C; find "$@" -type f -print0 | xargs -0 -n 1000 wc -lwc -- /dev/null)";
  std::vector<std::string> arguments{"sh", "-c", script, "sh"};
  arguments.insert(arguments.end(), roots.begin(), roots.end());
  // wc quotes nothing: of a name with newlines only the first line begins with three numbers, as
  // long as no test uses a name with a line of digits. The totals of each run of wc are enough.
  std::istringstream lines{run(arguments).output};
  total sum;
  const std::string count = R"(find "$@" -type f -print0 | tr -dc '\000' | wc -c)";
  arguments[2] = count;
  sum.files = std::stoull(run(arguments).output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream columns{line};
    total one;
    std::string name;
    if (columns >> one.lines >> one.words >> one.bytes >> name && name == "total") {
      sum.lines += one.lines;
      sum.words += one.words;
      sum.bytes += one.bytes;
    }
  }
  return sum;
}

}  // namespace hawser::test
