/// What one kind of channel does in the soak of the whole system.
#pragma once

#include "book.hpp"

#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace hawser::test {

/// What a worker holds of one channel. It is killed at any time, and started anew.
class soak_member {
 public:
  soak_member() = default;
  soak_member(const soak_member&) = delete;
  soak_member& operator=(const soak_member&) = delete;
  virtual ~soak_member() = default;

  /// A few operations, none of which waits for more than milliseconds. Throws if one fails that
  /// must not.
  virtual void work(std::minstd_rand& random) = 0;
};

/// Made before the first fork; each function runs in the process its comment names.
class soak_part {
 public:
  soak_part() = default;
  soak_part(const soak_part&) = delete;
  soak_part& operator=(const soak_part&) = delete;
  virtual ~soak_part() = default;

  /// Keeper: makes the channel. It is the only process that is never killed.
  virtual void create() = 0;
  /// Worker number `worker`: opens the channel.
  virtual std::unique_ptr<soak_member> join(std::size_t worker) = 0;
  /// Keeper, when no worker lives: takes what is left, and writes down what is lost, was given
  /// out twice, is torn or leaked. Then leaves the channel.
  virtual void settle() = 0;
};

/// What all parts are made for.
struct soak_setting {
  soak_book& book;
  std::string name;  // begins the names of their channels
  std::size_t workers, seconds;
};

std::unique_ptr<soak_part> queue_part(const soak_setting& setting);
std::unique_ptr<soak_part> pipe_part(const soak_setting& setting);
std::unique_ptr<soak_part> payload_pipe_part(const soak_setting& setting);
std::unique_ptr<soak_part> semaphore_part(const soak_setting& setting);
std::unique_ptr<soak_part> value_part(const soak_setting& setting);  // and guarded, and array
std::unique_ptr<soak_part> event_part(const soak_setting& setting);
std::unique_ptr<soak_part> payload_part(const soak_setting& setting);
std::unique_ptr<soak_part> topic_part(const soak_setting& setting);
std::unique_ptr<soak_part> actors_part(const soak_setting& setting);

inline std::vector<std::unique_ptr<soak_part>> soak_parts(const soak_setting& setting) {
  std::vector<std::unique_ptr<soak_part>> all;
  for (const auto make : {queue_part, pipe_part, payload_pipe_part, semaphore_part, value_part,
                          event_part, payload_part, topic_part})
    all.push_back(make(setting));
#if HAWSER_SOAK_ACTORS
  all.push_back(actors_part(setting));
#endif
  return all;
}

}  // namespace hawser::test
