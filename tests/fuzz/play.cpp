#include "play.hpp"

#include "../support/own_dev_shm.hpp"
#include "messages.hpp"
#include <hawser/shm/registry.hpp>
#include <hawser/shm/segment.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <thread>

#include <unistd.h>

namespace hawser::fuzz {
namespace {

/// A crash must leave nothing in /dev/shm: so we have one of our own where that is permitted, and
/// take away what an earlier run left where it is not.
void prepare_dev_shm(const std::string& prefix) {
  if (test::mount_own_dev_shm("size=64m,mode=1777")) return;
  const std::string start = "hawser." + std::to_string(geteuid()) + "." + prefix;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator{"/dev/shm", ignored}) {
    const std::string file = entry.path().filename().string();
    if (!file.starts_with(start)) continue;
    pid_t process = 0;
    std::from_chars(file.data() + start.size(), file.data() + file.size(), process);
    if (process > 0 && kill(process, 0) != 0 && errno == ESRCH)
      std::filesystem::remove(entry.path(), ignored);
  }
}

/// An operation may refuse; that is an answer. So may a codec.
void try_operation(worker& one, script& from, bool alone) {
  try {
    one.operate(from, alone);
  } catch (const error&) {
  } catch (const undecodable&) {
  }
}

/// The segments of a story in hostile hands.
class attacker {
 public:
  explicit attacker(const story& channel) {
    for (auto& one : channel.targets())
      memories_.push_back(std::make_unique<hostile_memory>(std::move(one)));
  }
  storm::gust next_gust(script& from) const {
    hostile_memory* const where =
        memories_[memories_.size() == 1 ? 0 : from.below(memories_.size())].get();
    return {where, where->next_edit(from)};
  }
  bool locks_name_the_living() const noexcept {
    return std::any_of(memories_.begin(), memories_.end(),
                       [](const auto& memory) { return memory->names_the_living(); });
  }
  void let_go() noexcept {
    for (const auto& memory : memories_) memory->free_locks();
  }
  void look_from_outside() const {
    for (const auto& memory : memories_) use(shm::find_channel(memory->channel()));
  }
  void clear_away() {
    for (const auto& memory : memories_) {
      shm::remove(memory->channel());
      memory->wipe();
    }
  }

 private:
  std::vector<std::unique_ptr<hostile_memory>> memories_;
};

void work_in_a_storm(story& channel, worker& first, const attacker& hostile, script& from) {
  std::vector<storm::gust> gusts(1 + from.below(3));
  for (auto& one : gusts) one = hostile.next_gust(from);
  script others_part = from.part(8);
  const storm outside{std::move(gusts)};
  std::thread other{[&] {
    const auto second = channel.hire();
    while (!others_part.done()) try_operation(*second, others_part, false);
  }};
  for (std::size_t operations = 1 + from.below(4); operations != 0; --operations)
    try_operation(first, from, false);
  other.join();
}

}  // namespace

void play(const char* channel, begin_story begin, const std::uint8_t* data, std::size_t size) {
  const std::string prefix = std::string{"fuzz."} + channel + ".";
  static const bool prepared = (prepare_dev_shm(prefix), true);
  use(prepared);
  script from{{data, size}};
  std::unique_ptr<attacker> hostile;
  {
    const auto views = begin(prefix + std::to_string(getpid()), from);
    hostile = std::make_unique<attacker>(*views);
    const auto first = views->hire();
    while (!from.done()) {
      switch (from.below(8)) {
        case 0:
        case 1:
        case 2: {
          const auto [where, change] = hostile->next_gust(from);
          where->apply(change);
          break;
        }
        case 3: work_in_a_storm(*views, *first, *hostile, from); break;
        default: try_operation(*first, from, !hostile->locks_name_the_living()); break;
      }
    }
    hostile->look_from_outside();
    hostile->let_go();
  }  // the views leave while the memory is as bad as it became
  hostile->clear_away();
}

}  // namespace hawser::fuzz
