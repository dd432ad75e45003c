/// An array in a message: its receiver works on the same memory.
///
/// ```cpp
/// shared_array<double> grid{shm::array<double>{create_only, "grid", 1'000'000, {.ranges = 8}}};
/// self->request(worker, infinite, solve_atom_v, grid, 3);   // the third eighth
/// ```
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/shm/array.hpp>
#include <hawser/shm/error.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace hawser::actors {

namespace detail {
/// How others call an array, of whatever user and working directory they are.
std::string name_for_others(const std::string& name, bool is_file);
/// Keeps it until whoever gets the message that is being written has read it. False: none is, or it
/// leaves this host.
bool keep_until_read(std::shared_ptr<const void> kept);
caf::error array_stays_here(const std::string& name);
caf::error cannot_open_array(const error& reason);
}  // namespace detail

/// A handle of a `shm::array`. Copies, in whatever process of the host, are the same array; it is
/// there until the last of them is gone (unless it is kept, or a file). What T can be sent, `config`
/// has to know: `CAF_ADD_TYPE_ID(BLOCK, (hawser::actors::shared_array<double>))`, and `add_messages`.
///
/// Threads    As a shared_ptr, and as `shm::array`.
/// Crash      As `shm::array`. One that is under way when the last process that has it is killed
///            is gone: its receiver's handler is not called, and who has asked gets
///            `peer_error::not_decodable`.
template <class T>
class shared_array {
 public:
  /// No array.
  shared_array() = default;
  explicit shared_array(shm::array<T> array)
      : array_(std::make_shared<shm::array<T>>(std::move(array))) {}

  explicit operator bool() const noexcept { return array_ != nullptr; }
  shm::array<T>& operator*() const noexcept { return *array_; }
  shm::array<T>* operator->() const noexcept { return array_.get(); }

  friend bool operator==(const shared_array& a, const shared_array& b) {
    return a.array_ == b.array_ || (a && b && a->name() == b->name());
  }
  friend std::string to_string(const shared_array& x) {
    return "shared_array(" + (x ? x->name() : std::string{}) + ")";
  }

  friend caf::error inspect(detail::value_sink& sink, shared_array& x) {
    bool is_file = x && x->is_file();
    std::string name = x ? detail::name_for_others(x->name(), is_file) : std::string{};
    if (x && !detail::keep_until_read(x.array_)) return detail::array_stays_here(name);
    return sink(is_file, name);
  }
  friend caf::error inspect(detail::value_source& source, shared_array& x) {
    bool is_file = false;
    std::string name;
    x = {};
    if (caf::error reason = source(is_file, name)) return reason;
    if (name.empty()) return caf::none;
    try {
      x = shared_array{is_file ? shm::array<T>{open_only, std::filesystem::path{name}}
                               : shm::array<T>{open_only, name}};
    } catch (const error& failed) {
      return detail::cannot_open_array(failed);
    }
    return caf::none;
  }

  HAWSER_INSPECT_BY_HAND(shared_array);

 private:
  std::shared_ptr<shm::array<T>> array_;
};

}  // namespace hawser::actors
