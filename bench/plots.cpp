#include "plots.hpp"

#include "command.hpp"
#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hawser::bench {
namespace {

/// The medians that a picture shows: of each subject, over the same positions on the x axis.
struct series {
  std::string subject;
  std::vector<std::optional<double>> values;
};

struct picture {
  std::string file, title, y_label;
  std::vector<std::string> positions;
  std::vector<series> all;
  std::string style;  // lines of gnuplot
};

const std::vector<std::pair<std::size_t, std::string>> sizes = {
    {8, "8 B"}, {64, "64 B"}, {1'024, "1 KiB"}, {65'536, "64 KiB"}, {1'048'576, "1 MiB"}};

bool is_channel(const std::string& subject) {
  return !subject.starts_with("actors.") && !subject.starts_with("savina.") &&
         !subject.starts_with("bank") && !subject.starts_with("sqlite");
}

series& of_subject(std::vector<series>& all, const std::string& subject, std::size_t positions) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const series& one) { return one.subject == subject; });
  if (found != all.end()) return *found;
  return all.emplace_back(series{subject, std::vector<std::optional<double>>(positions)});
}

picture throughput_by_size(const std::vector<value>& medians) {
  picture drawn{"throughput.svg",
                "One process to another, each on a CPU of its own",
                "messages a second",
                {},
                {},
                "set logscale y\nset format y '10^{%L}'\n"};
  for (const auto& [bytes, name] : sizes) drawn.positions.push_back(name);
  for (const value& one : medians) {
    if (one.of.metric != "throughput" || !is_channel(one.of.subject)) continue;
    const auto at = std::find_if(sizes.begin(), sizes.end(),
                                 [&](const auto& size) { return size.first == one.of.bytes; });
    if (at == sizes.end()) continue;
    const double rate = one.of.unit == "GB/s" ? one.amount * 1e9 / static_cast<double>(at->first)
                                              : one.amount * 1e6;
    of_subject(drawn.all, one.of.subject, sizes.size())
        .values[static_cast<std::size_t>(at - sizes.begin())] = rate;
  }
  return drawn;
}

picture by_metric(const std::vector<value>& medians, picture drawn,
                  const std::vector<std::string>& metrics, double factor) {
  for (const value& one : medians) {
    const auto at = std::find(metrics.begin(), metrics.end(), one.of.metric);
    if (at == metrics.end() || !is_channel(one.of.subject)) continue;
    of_subject(drawn.all, one.of.subject, metrics.size())
        .values[static_cast<std::size_t>(at - metrics.begin())] = one.amount * factor;
  }
  return drawn;
}

std::vector<picture> pictures_of(const std::vector<value>& medians) {
  const std::string log_us = "set logscale y\n";
  return {throughput_by_size(medians),
          by_metric(medians,
                    {"spinning.svg",
                     "There and back, 64 bytes, both sides spinning",
                     "us",
                     {"p50", "p99", "p99.9"},
                     {},
                     log_us},
                    {"round_trip_p50", "round_trip_p99", "round_trip_p999"}, 1),
          by_metric(medians,
                    {"blocking.svg",
                     "There and back, 64 bytes, by calls that wait",
                     "us",
                     {"p50", "p99", "p99.9", "asleep, p50", "asleep, p99"},
                     {},
                     log_us},
                    {"blocking_trip_p50", "blocking_trip_p99", "blocking_trip_p999",
                     "sleeping_trip_p50", "sleeping_trip_p99"},
                    1),
          by_metric(medians,
                    {"scaling.svg",
                     "Senders to receivers through one channel, 64 bytes",
                     "messages a second",
                     {"2 to 2", "4 to 4", "8 to 1"},
                     {},
                     "set logscale y\nset format y '10^{%L}'\n"},
                    {"throughput_2_to_2", "throughput_4_to_4", "throughput_8_to_1"}, 1e6)};
}

/// Ours are thick, what no channel can beat is dashed.
std::string line_of(const std::string& subject, std::size_t number) {
  if (subject.starts_with("hawser.")) return fmt::format("lw 3.5 lc {}", number + 1);
  if (subject.starts_with("raw.") || subject.starts_with("bare."))
    return "lw 2 dt 2 lc rgb '#888888'";
  return fmt::format("lw 1.4 lc {}", number + 1);
}

void draw(const std::string& directory, const picture& what) {
  const std::filesystem::path base = std::filesystem::path{directory} / what.file;
  std::filesystem::path script = base;
  script.replace_extension(".gnuplot");
  std::ofstream out{script};
  out << "set terminal svg size 960,600 font 'sans,13' background rgb 'white'\n"
      << "set output '" << base.string() << "'\nset title \"" << what.title << "\"\nset ylabel '"
      << what.y_label << "'\nset grid ytics lc rgb '#dddddd'\nset key outside right\n"
      << what.style << "set xrange [-0.3:" << what.positions.size() - 1 << ".3]\nset xtics (";
  for (std::size_t i = 0; i < what.positions.size(); ++i)
    out << (i == 0 ? "" : ", ") << '"' << what.positions[i] << "\" " << i;
  out << ")\n";
  for (std::size_t i = 0; i < what.all.size(); ++i) {
    out << "$s" << i << " << EOD\n";
    for (std::size_t at = 0; at < what.positions.size(); ++at)
      if (const auto& amount = what.all[i].values[at]) out << at << ' ' << *amount << '\n';
    out << "EOD\n";
  }
  out << "plot ";
  for (std::size_t i = 0; i < what.all.size(); ++i)
    out << (i == 0 ? "" : ", ") << "$s" << i << " with linespoints pt " << 4 + i % 10 << " ps 0.7 "
        << line_of(what.all[i].subject, i) << " title '" << what.all[i].subject << "' noenhanced";
  out << '\n';
  out.close();
  const bool drawn = out && run_command({"gnuplot", script.string()}, false).status == 0;
  if (!drawn) throw std::runtime_error{"gnuplot does not draw " + script.string()};
  std::filesystem::remove(script);
  fmt::print("# drawn: {}\n", base.string());
}

}  // namespace

void check_plots(const std::string& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) throw std::runtime_error{"--plot " + directory + ": " + failed.message()};
  if (run_command({"gnuplot", "--version"}, false).status != 0)
    throw std::runtime_error{"--plot needs gnuplot; tools/bench --install-peers installs it"};
}

void draw_plots(const std::string& directory, const std::vector<group_run>& runs) {
  for (const picture& one : pictures_of(medians_of(runs)))
    if (!one.all.empty()) draw(directory, one);
}

}  // namespace hawser::bench
