#include "play.hpp"

#include "../support/own_dev_shm.hpp"
#include "hostile_memory.hpp"
#include <hawser/shm/segment.hpp>

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

/// An operation may refuse; that is an answer.
void try_operation(worker& one, script& from, bool alone) {
  try {
    one.operate(from, alone);
  } catch (const error&) {
  }
}

void work_in_a_storm(story& channel, worker& first, hostile_memory& memory, script& from) {
  std::vector<hostile_memory::edit> edits(1 + from.below(3));
  for (auto& change : edits) change = memory.next_edit(from);
  script others_part = from.part(8);
  const storm outside{memory, std::move(edits)};
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
  const std::string name = prefix + std::to_string(getpid());
  script from{{data, size}};
  std::unique_ptr<hostile_memory> memory;
  {
    const auto views = begin(name, from);
    memory = std::make_unique<hostile_memory>(name);
    const auto first = views->hire();
    while (!from.done()) {
      switch (from.below(8)) {
        case 0:
        case 1:
        case 2: memory->apply(memory->next_edit(from)); break;
        case 3: work_in_a_storm(*views, *first, *memory, from); break;
        default: try_operation(*first, from, !memory->names_the_living(views->locks())); break;
      }
    }
  }  // the views leave while the memory is as bad as it became
  shm::remove(name);
  memory->wipe();
}

}  // namespace hawser::fuzz
