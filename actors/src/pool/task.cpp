#include <hawser/actors/detail/task.hpp>
#include <hawser/shm/error.hpp>

#include <deque>
#include <mutex>
#include <set>

namespace hawser::actors::detail {
namespace {

struct registry {
  std::mutex mutex;
  std::deque<task_entry> entries;  // never moved: find_task hands out references
  std::set<std::string, std::less<>> ambiguous;
};

registry& the_registry() {
  static auto* const one = new registry;  // used by constructors of any static object
  return *one;
}

template <class Matches>
const task_entry& find(std::string_view described_as, Matches matches) {
  registry& all = the_registry();
  const std::scoped_lock hold{all.mutex};
  for (const task_entry& known : all.entries) {
    if (!matches(known)) continue;
    if (!all.ambiguous.contains(known.name)) return known;
    throw make_error(errc::already_exists, "run task", known.name,
                     "two tasks have this name; register one with its namespace, as "
                     "HAWSER_TASK(space::" +
                         known.name + ")");
  }
  throw make_error(errc::not_found, "run task", described_as,
                   "it is not registered; add HAWSER_TASK(function) behind its declaration, in "
                   "the program of the workers");
}

}  // namespace

bool add_task(task_entry added) noexcept {
  registry& all = the_registry();
  const std::scoped_lock hold{all.mutex};
  for (const task_entry& known : all.entries) {
    if (known.name != added.name) continue;
    if (known.key == added.key) return true;  // registered in a header
    all.ambiguous.insert(added.name);
  }
  all.entries.push_back(std::move(added));
  return true;
}

const task_entry& find_task(function_address key) {
  return find("this function", [&](const task_entry& known) { return known.key == key; });
}

const task_entry& find_task(std::string_view name) {
  return find(name, [&](const task_entry& known) { return known.name == name; });
}

}  // namespace hawser::actors::detail
