#include "report.hpp"

#include "processes.hpp"
#include "statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <sys/utsname.h>

namespace hawser::bench {
namespace {

std::string cpu_model() {
  std::ifstream info{"/proc/cpuinfo"};
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown CPU";
}

/// Three digits that say something.
std::string digits(double amount) {
  if (amount >= 100) return fmt::format("{:.0f}", amount);
  if (amount >= 10) return fmt::format("{:.1f}", amount);
  if (amount >= 1) return fmt::format("{:.2f}", amount);
  return fmt::format("{:.3f}", amount);
}

std::optional<double> amount_in(const block& b, const figure& of) {
  for (const value& v : b.values)
    if (v.of == of) return v.amount;
  return std::nullopt;
}

/// The figures of a run, in the order in which its first block has them, raw.cacheline first.
std::vector<figure> figures_in(const group_run& run) {
  std::vector<figure> result;
  for (const block& b : run.blocks)
    for (const value& v : b.values)
      if (std::find(result.begin(), result.end(), v.of) == result.end()) result.push_back(v.of);
  return result;
}

/// The blocks of one placement. Figures of different placements are never mixed, where that
/// matters; where it does not, all of them count as near.
std::vector<block> in_placement(const group_run& run, bool near) {
  std::vector<block> result;
  std::copy_if(run.blocks.begin(), run.blocks.end(), std::back_inserter(result),
               [&](const block& b) { return (!placement_matters(run.in) || b.near()) == near; });
  return result;
}

bool mostly_near(const group_run& run) {
  return 2 * in_placement(run, true).size() >= run.blocks.size();
}

const char* placement(group g, bool near) {
  if (!placement_matters(g)) return "";
  return near ? " near" : " far";
}

std::vector<double> amounts(const std::vector<block>& blocks, const figure& of) {
  std::vector<double> result;
  for (const block& b : blocks)
    if (const auto amount = amount_in(b, of)) result.push_back(*amount);
  return result;
}

void print_spread_of(const std::vector<block>& blocks, const figure& of) {
  const std::vector<double> all = amounts(blocks, of);
  if (all.empty()) return;
  double raw_min = blocks.front().raw_us_min, raw_max = blocks.front().raw_us_max;
  double copy_min = blocks.front().copy_min, copy_max = blocks.front().copy_max;
  std::ptrdiff_t disturbed = 0;
  bool steady = true;
  for (const block& b : blocks) {
    raw_min = std::min(raw_min, b.raw_us_min);
    raw_max = std::max(raw_max, b.raw_us_max);
    copy_min = std::min(copy_min, b.copy_min);
    copy_max = std::max(copy_max, b.copy_max);
    disturbed += std::count(b.disturbed.begin(), b.disturbed.end(), of);
    steady = steady && b.steady();
  }
  const auto [least, most] = std::minmax_element(all.begin(), all.end());
  fmt::print("# {:<26} {:<25} {:>7} {:>8} {:>8} {:>8} {:<7} {:>7} {:>9}   {}-{} {}-{}{}{}\n",
             of.subject, of.metric, of.bytes, digits(*least), digits(median(all)), digits(*most),
             of.unit, all.size(), disturbed, digits(raw_min), digits(raw_max), digits(copy_min),
             digits(copy_max), placement(blocks.front().in, blocks.front().near()),
             steady ? "" : " (changed inside blocks)");
}

/// Of the figures that a target compares with.
std::optional<double> best_in(const block& b, const target& t) {
  std::optional<double> best;
  for (const figure& of : t.references)
    if (const auto amount = amount_in(b, of))
      if (!best || (t.bound == target::direction::at_least ? *amount > *best : *amount < *best))
        best = amount;
  return best;
}

struct comparison {
  std::vector<double> ratios;  // one a block
  group in;
  bool near;
};

/// Compares within blocks, because what disturbs a block disturbs both sides of it alike.
std::optional<comparison> compare(const std::vector<group_run>& runs, const target& t, bool near) {
  comparison result{{}, group::wall, near};
  for (const group_run& run : runs)
    for (const block& b : in_placement(run, near)) {
      const auto ours = amount_in(b, t.subject);
      if (!ours) continue;
      result.in = run.in;
      if (t.references.empty()) result.ratios.push_back(*ours);
      else if (const auto theirs = best_in(b, t)) result.ratios.push_back(*ours / *theirs);
    }
  if (result.ratios.empty()) return std::nullopt;
  return result;
}

bool print_target(const target& t, const comparison& c) {
  const bool at_least = t.bound == target::direction::at_least;
  const double bound = c.near ? t.near : t.far;
  const double middle = median(c.ratios);
  const bool reached = at_least ? middle >= bound : middle <= bound;
  const auto [least, most] = std::minmax_element(c.ratios.begin(), c.ratios.end());
  fmt::print("# {:<66} {:>6} ({} to {})  {} {}{}: {}\n", t.text, digits(middle), digits(*least),
             digits(*most), at_least ? "at least" : "at most", digits(bound),
             placement(c.in, c.near), reached ? "reached" : "NOT REACHED");
  return reached;
}

}  // namespace

void print_machine(bool awake) {
  utsname system{};
  uname(&system);
  fmt::print("# {}, {} CPUs, {} {}, compiler {}\n", cpu_model(),
             std::thread::hardware_concurrency(), system.sysname, system.release, __VERSION__);
  if (awake) fmt::print("# --awake: idle processes keep the CPUs from halting\n");
  if (!may_raise_priority())
    fmt::print("# without CAP_SYS_NICE: other programs disturb more samples\n");
}

void print_figures(const group_run& run) {
  if (!run.blocks.empty()) fmt::print("# {} took {:.1f} s\n", name_of(run.in), run.took_s);
  for (const std::string& text : run.skipped) fmt::print("# skipped {}\n", text);
  for (const value& one : medians_of({run}))
    fmt::print("{} {} {} {} {}\n", one.of.subject, one.of.metric, one.of.bytes, digits(one.amount),
               one.of.unit);
  std::fflush(stdout);
}

std::vector<value> medians_of(const std::vector<group_run>& runs) {
  std::vector<value> result;
  for (const group_run& run : runs) {
    const std::vector<block> blocks = in_placement(run, mostly_near(run));
    for (const figure& of : figures_in(run))
      if (const auto all = amounts(blocks, of); !all.empty()) result.push_back({of, median(all)});
  }
  return result;
}

csv_file::csv_file(std::string path) : path_(std::move(path)), out_(path_) {
  out_ << "group,block,placement,subject,metric,bytes,value,unit,disturbed,raw_us_min,raw_us_max,"
          "memcpy_gb_per_s_min,memcpy_gb_per_s_max\n"
       << std::flush;
  if (!out_) throw std::runtime_error{"cannot write " + path_};
}

void csv_file::add(const group_run& run) {
  for (std::size_t i = 0; i < run.blocks.size(); ++i) {
    const block& b = run.blocks[i];
    for (const value& v : b.values)
      out_ << fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\n", name_of(run.in), i + 1,
                          b.near() ? "near" : "far", v.of.subject, v.of.metric, v.of.bytes,
                          v.amount, v.of.unit,
                          std::count(b.disturbed.begin(), b.disturbed.end(), v.of), b.raw_us_min,
                          b.raw_us_max, b.copy_min, b.copy_max);
  }
  out_ << std::flush;
  if (!out_) throw std::runtime_error{"cannot write " + path_};
}

void print_spread(const std::vector<group_run>& runs) {
  fmt::print("#\n# {:<26} {:<25} {:>7} {:>8} {:>8} {:>8} {:<7} {:>7} {:>9}   {}\n", "subject",
             "metric", "bytes", "min", "median", "max", "unit", "samples", "disturbed",
             "raw round trip, us; memcpy, GB/s");
  for (const group_run& run : runs)
    for (const bool near : {true, false})
      for (const figure& of : figures_in(run)) print_spread_of(in_placement(run, near), of);
  for (const group_run& run : runs)
    if (run.repeated != 0)
      fmt::print("# {}: {} blocks repeated, because the machine changed in them\n", name_of(run.in),
                 run.repeated);
}

bool print_targets(const std::vector<group_run>& runs, const std::vector<target>& targets) {
  bool all_reached = true;
  fmt::print("#\n# targets: median (minimum to maximum) of the ratios within one block\n");
  for (const target& t : targets)
    for (const bool near : {true, false})
      if (const auto c = compare(runs, t, near)) all_reached &= print_target(t, *c);
  return all_reached;
}

}  // namespace hawser::bench
