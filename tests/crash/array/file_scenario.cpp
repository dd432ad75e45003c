#include "file_scenario.hpp"

#include <hawser/shm/detail/attachment.hpp>

#include <algorithm>
#include <chrono>

namespace hawser::test {

namespace fs = std::filesystem;
using killpoint::verdict;

file_scenario::file_scenario(operation what, const std::string& unique)
    : what_(what), directory_(fs::temp_directory_path() / ("hawser." + unique)) {}

std::string file_scenario::name() const {
  switch (what_) {
    case create: return "array.create_file.new";
    case create_with_temporary_name: return "array.create_file.temporary_name";
    case open_existing: return "array.open_file.quiet";
    case open_and_redo: return "array.open_file.after_committed";
    case leave: return "array.detach_file.last";
  }
  return {};
}

std::string file_scenario::outcome_words(int outcome) const {
  if (!creates()) return "there, whole";
  return outcome == 0 ? "not there" : "there, whole";
}

void file_scenario::arrange(int object) {
  // This process's, too: it opens and creates when it judges.
  shm::detail::set_nameless_files(what_ != create_with_temporary_name);
  path_ = path_of(object);
  fs::remove_all(directory_);
  fs::create_directory(directory_);
  if (creates() || what_ == open_and_redo) return;
  array fresh{create_only, path_, cells, in_three_ranges};
  std::fill(fresh.begin(), fresh.end(), cell::of(5));
}

void file_scenario::occupy(int object) {
  own_.emplace(create_only, path_of(object), cells, in_three_ranges);
  std::fill(own_->begin(), own_->end(), cell::of(5));
  (*own_)[3] = cell::of(6);  // to become 5 again
  const array_innards inside(*own_);
  inside.lock(0, 2);
  inside.write_journal(1, 4, 5);
  inside.commit(1);
}

void file_scenario::enter(int object) {
  shm::detail::set_nameless_files(what_ != create_with_temporary_name);
  path_ = path_of(object);
  if (what_ == leave) own_.emplace(open_only, path_);
}

void file_scenario::operate() {
  switch (what_) {
    case create:
    case create_with_temporary_name:
      own_.emplace(create_only, path_, cells, in_three_ranges);
      break;
    case open_existing:
    case open_and_redo: own_.emplace(open_only, path_); break;
    case leave: own_.reset(); break;
  }
}

/// What is wrong, in words.
std::string file_scenario::judge(verdict& found) {
  found.outcome = creates() && fs::exists(path_) ? 1 : 0;
  if (found.outcome == 0 && !creates() && !fs::exists(path_)) return "the file is gone";
  {
    // Whole, or not there, and then there is room for it.
    array mine{open_or_create, path_, cells, in_three_ranges};
    const std::uint64_t wanted = creates() ? 0 : 5;
    for (const cell& one : mine)
      if (one.id() != wanted) return "a cell is another one";
    for (std::size_t r = 0; r < 3; ++r)
      if (!mine.try_lock_range(r)) return "a range is held by nobody who lives";
    mine.update(0, cells,
                [](std::span<cell> all) { std::fill(all.begin(), all.end(), cell::of(9)); });
  }
  if (array{open_only, path_}[cells - 1].id() != 9) return "it did not outlive its processes";
  fs::remove(path_);
  // A creator that dies where files need a name may leave one that the next creator takes away.
  if (!fs::is_empty(directory_) && what_ == create_with_temporary_name && found.outcome == 1)
    array{create_only, path_, cells, in_three_ranges}, fs::remove(path_);
  if (!fs::is_empty(directory_)) return "something is left beside the file";
  return {};
}

verdict file_scenario::check(killpoint::sleeper_news&, bool) {
  verdict found;
  const auto start = std::chrono::steady_clock::now();
  try {
    found.failure = judge(found);
  } catch (const error& e) {
    found.failure = e.what();
  }
  found.slowest = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  return found;
}

std::string file_scenario::leftovers() {
  fs::remove_all(directory_);
  return {};
}

}  // namespace hawser::test
