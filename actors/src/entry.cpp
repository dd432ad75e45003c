#include <hawser/actors/detail/entry.hpp>
#include <hawser/shm/error.hpp>

#include <deque>
#include <memory>
#include <mutex>
#include <set>

namespace hawser::actors::detail {
namespace {

struct registry {
  std::mutex mutex;
  std::deque<entry> entries;  // never moved: find_entry hands out references
  std::set<std::string, std::less<>> ambiguous;
};

registry& the_registry() {
  static auto* const one = new registry;  // used by constructors of any static object
  return *one;
}

std::string known_names(const registry& all) {
  if (all.entries.empty()) return "no entry is registered";
  std::string text = "registered are";
  for (const entry& known : all.entries) text.append(" ").append(known.name);
  return text;
}

const entry& checked(const registry& all, const entry& found) {
  if (all.ambiguous.contains(found.name))
    throw make_error(errc::already_exists, "start process", found.name,
                     "two entries have this name; register one with its namespace, as "
                     "HAWSER_PROCESS(space::" +
                         found.name + ")");
  return found;
}

}  // namespace

bool add_entry(entry added) noexcept {
  registry& all = the_registry();
  const std::scoped_lock hold{all.mutex};
  for (const entry& known : all.entries) {
    if (known.name != added.name) continue;
    if (known.key == added.key) return true;  // registered in a header
    all.ambiguous.insert(added.name);
  }
  all.entries.push_back(std::move(added));
  return true;
}

const entry& find_entry(const entry_key& key, std::string_view described_as) {
  registry& all = the_registry();
  const std::scoped_lock hold{all.mutex};
  for (const entry& known : all.entries)
    if (known.key == key) return checked(all, known);
  throw make_error(errc::not_found, "start process", described_as,
                   "it is not registered; add HAWSER_PROCESS(function) or "
                   "HAWSER_PROCESS_ACTOR(class, ...) behind its declaration (" +
                       known_names(all) + ")");
}

const entry& find_entry(std::string_view name) {
  registry& all = the_registry();
  const std::scoped_lock hold{all.mutex};
  for (const entry& known : all.entries)
    if (known.name == name) return checked(all, known);
  throw make_error(errc::not_found, "start process", name,
                   "there is no entry of this name; " + known_names(all));
}

const entry& find_entry(std::string_view name, std::type_index signature,
                        const std::string& signature_text) {
  const entry& found = find_entry(name);
  if (found.signature != signature)
    throw make_error(errc::type_mismatch, "start process", name,
                     "its arguments are " + found.signature_text + ", not " + signature_text +
                         "; pass exactly these types");
  return found;
}

}  // namespace hawser::actors::detail
