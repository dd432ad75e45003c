/// What all fuzz targets have in common: one channel, its views, and somebody who writes over its
/// memory between their operations and during them.
///
/// The promise under test: whatever stands in a segment, an operation gives some value, some
/// status or a hawser::error. It never crashes, never asks for memory by a length it read there,
/// and ends by its deadline if it has one. Operations without a deadline may wait for ever for a
/// lock whose owner word names a living process: nobody can tell that from a process that was
/// stopped inside. They are left out while it does, and before the views leave, such locks are
/// freed: who leaves may have to give something back.
#pragma once

#include "hostile_memory.hpp"
#include "script.hpp"
#include <hawser/shm/async_wait.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace hawser::fuzz {

/// One thread's hands on the views of a story.
class worker {
 public:
  virtual ~worker() = default;
  /// One operation. `alone`: nobody writes meanwhile and no lock is held, so that those without
  /// a deadline may be among them, and views may come and go.
  virtual void operate(script& from, bool alone) = 0;
};

/// A channel of one kind with some content, and at least two views of it.
class story {
 public:
  virtual ~story() = default;
  virtual std::unique_ptr<worker> hire() = 0;
  /// What is written over. The edits of several are spread over them.
  virtual std::vector<target> targets() const = 0;
};

using begin_story = std::unique_ptr<story> (*)(const std::string& name, script& from);
/// For channels of several types: the script's choice.
inline std::unique_ptr<story> begin_one_of(std::initializer_list<begin_story> types,
                                           const std::string& name, script& from) {
  return types.begin()[from.below(types.size())](name, from);
}

/// Plays one input. `channel` is the kind's word, for the name.
void play(const char* channel, begin_story begin, const std::uint8_t* data, std::size_t size);

/// A short time to wait, or none.
inline std::chrono::microseconds patience_of(script& from) {
  constexpr std::chrono::microseconds choices[]{
      std::chrono::microseconds{0}, std::chrono::microseconds{50}, std::chrono::microseconds{1000}};
  return choices[from.below(3)];
}

/// Has somebody wait for `what` without a thread while `meanwhile` runs.
template <class View, class Meanwhile>
void await(View& view, shm::ready what, Meanwhile meanwhile) {
  std::atomic<bool> called{false};
  const auto handle = view.async_wait(what, [&] { called = true; });
  meanwhile();
}

/// Uses a value, so that it is read.
template <class Value>
void use(const Value& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

}  // namespace hawser::fuzz

/// The fuzz target of a kind of channel, for libFuzzer or the corpus player.
#define HAWSER_FUZZ(CHANNEL, BEGIN)                                                   \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    ::hawser::fuzz::play(CHANNEL, BEGIN, data, size);                                 \
    return 0;                                                                         \
  }
