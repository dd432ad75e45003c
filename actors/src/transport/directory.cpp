#include "directory.hpp"

#include <hawser/shm/error.hpp>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include <unistd.h>

namespace hawser::actors::detail {

using shm::detail::id_of;
using shm::detail::participants_max;

struct directory::member_row {
  std::uint32_t tag;
  std::int32_t pid;
  host_id host;
  std::uint32_t user;
  std::uint64_t services;
  // By id. One that means a member who is gone is no harm: it says that we would talk to another.
  std::array<std::uint64_t, (participants_max + 1) / 64> calls;
};

struct directory::name_row {
  std::uint32_t owner;  // its tag; 0: free
  std::uint32_t length;
  std::uint64_t actor;
  std::uint64_t reserved;
  std::array<char, name_bytes_max> text;
};

/// Others may write anything here: what is read is checked, never trusted as an index or a length.
struct directory::table {
  std::array<member_row, participants_max + 1> members;  // by the id in the tag
  std::array<name_row, names_max> names;
};

std::unique_ptr<directory::table> directory::empty_table() {
  static_assert(std::is_trivially_copyable_v<table> && sizeof(member_row) == 72 &&
                sizeof(name_row) == 128);
  return std::make_unique<table>();
}

shm::detail::value_request directory::request_for(const options& asked, const table& initial) {
  shm::detail::value_request request;
  request.name = asked.group;
  request.how = shm::detail::opening::open_or_create;
  request.value_bytes = sizeof(table);
  request.initial = reinterpret_cast<const std::byte*>(&initial);
  request.mode = asked.mode;
  // Of the layout above: counts with its sizes.
  request.type_fingerprint = 0x6861'7773'6469'7201ULL;
  request.type_name = "hawser::actors::directory";
  request.swept = asked.swept;
  return request;
}

directory::directory(const options& request) : directory(request, *empty_table()) {}

directory::directory(const options& request, const table& initial)
    : copy_(std::make_unique<table>()), core_(request_for(request, initial)) {}

void directory::enter(const host_id& host, std::uint64_t services) {
  modify([&](table& all) {
    const std::uint32_t mine = tag();
    all.members[id_of(mine)] = {mine, getpid(), host, geteuid(), services, {}};
    return true;
  });
}

void directory::call(std::uint32_t tag, bool wanted) {
  modify([&](table& all) {
    const std::uint32_t callee = id_of(tag);
    std::uint64_t& word = all.members[id_of(this->tag())].calls[callee / 64];
    const std::uint64_t bit = std::uint64_t{1} << callee % 64;
    if (((word & bit) != 0) == wanted) return false;
    word ^= bit;
    return true;
  });
}

directory::~directory() { leave(); }

void directory::leave() noexcept {
  // Not what a fork has inherited. And a change that fails is none: our death says the same.
  const std::uint32_t mine = core_.channel().tag_if_attached();
  try {
    if (mine != 0)
      modify([&](table& all) {
        if (all.members[id_of(mine)].tag != mine) return false;
        clear(all, mine);
        return true;
      });
  } catch (...) {
  }
}

void directory::clear(table& all, std::uint32_t tag) {
  for (name_row& one : all.names)
    if (one.owner == tag) one = {};
  all.members[id_of(tag)] = {};
}

template <class Change>
void directory::modify(Change change) {
  const std::scoped_lock one_thread{mutex_};
  core_.modify(sizeof(table), {}, [&](const shm::detail::shared_word* now) -> const std::byte* {
    auto* const bytes = reinterpret_cast<std::byte*>(copy_.get());
    shm::detail::read_words(now, bytes, sizeof(table));
    return change(*copy_) ? bytes : nullptr;
  });
}

template <class Table>
auto* directory::row_of(Table& all, std::string_view name) {
  const auto found = std::find_if(all.names.begin(), all.names.end(), [&](const name_row& one) {
    return one.owner != 0 && one.length == name.size() && one.length <= name_bytes_max &&
           std::memcmp(one.text.data(), name.data(), name.size()) == 0 && is_there(one.owner);
  });
  return found == all.names.end() ? nullptr : &*found;
}

bool directory::is_there(std::uint32_t tag) {
  return id_of(tag) != 0 && core_.channel().is_unswept(tag) && !core_.channel().is_dead(tag);
}

std::optional<directory::member> directory::member_of(const table& all, std::uint32_t tag) {
  const member_row& row = all.members[id_of(tag)];
  if (row.tag != tag) return std::nullopt;
  const std::uint32_t mine = id_of(this->tag());
  return member{tag,      row.pid,      row.user,
                row.host, row.services, (row.calls[mine / 64] >> mine % 64 & 1) != 0};
}

void directory::publish(std::string_view name, std::uint64_t actor) {
  if (name.empty() || name.size() > name_bytes_max)
    throw make_error(errc::bad_name, "publish actor", name,
                     "a name has 1 to " + std::to_string(name_bytes_max) + " bytes");
  modify([&](table& all) {
    const std::uint32_t mine = tag();
    name_row* row = row_of(all, name);
    if (row != nullptr && row->owner != mine)
      throw make_error(errc::already_exists, "publish actor", name,
                       "process " + std::to_string(all.members[id_of(row->owner)].pid) +
                           " has an actor of that name; withdraw it there, or take another name");
    if (row == nullptr) {
      const auto free = std::find_if(all.names.begin(), all.names.end(), [&](const name_row& one) {
        return one.owner == 0 || !is_there(one.owner);
      });
      if (free == all.names.end())
        throw make_error(errc::no_resources, "publish actor", name,
                         "all " + std::to_string(names_max) + " names of group \"" + group() +
                             "\" are taken; withdraw some");
      row = &*free;
    }
    *row = {mine, static_cast<std::uint32_t>(name.size()), actor, 0, {}};
    std::memcpy(row->text.data(), name.data(), name.size());
    return true;
  });
}

bool directory::withdraw(std::string_view name, std::uint64_t actor) {
  bool had = false;
  modify([&](table& all) {
    name_row* const row = row_of(all, name);
    had = row != nullptr && row->owner == tag() && (actor == 0 || row->actor == actor);
    if (had) *row = {};
    return had;
  });
  return had;
}

std::optional<directory::published> directory::find(std::string_view name) {
  const std::scoped_lock one_thread{mutex_};
  core_.load(reinterpret_cast<std::byte*>(copy_.get()), sizeof(table));
  const name_row* const row = row_of(std::as_const(*copy_), name);
  if (row == nullptr) return std::nullopt;
  const auto owner = member_of(*copy_, row->owner);
  if (!owner) return std::nullopt;
  return published{*owner, row->actor};
}

std::vector<directory::member> directory::members() {
  const std::scoped_lock one_thread{mutex_};
  core_.load(reinterpret_cast<std::byte*>(copy_.get()), sizeof(table));
  std::vector<member> all;
  for (const member_row& row : copy_->members)
    if (row.tag != 0 && is_there(row.tag))
      if (const auto one = member_of(*copy_, row.tag)) all.push_back(*one);
  return all;
}

bool directory::clear_dead() {
  bool cleared = false;
  modify([&](table& all) {
    for (const member_row& row : all.members) {
      if (row.tag == 0 || is_there(row.tag)) continue;
      clear(all, row.tag);
      cleared = true;
    }
    return cleared;
  });
  return cleared;
}

}  // namespace hawser::actors::detail
