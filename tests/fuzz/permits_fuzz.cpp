// Semaphore, lock, shared_lock and guarded in memory that somebody writes over: see play.hpp.
//
// A release has no deadline, and waits for a lock that names a living process. So what a worker
// holds in a storm is given back after it.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/guarded.hpp>
#include <hawser/shm/semaphore.hpp>
#include <hawser/shm/shared_lock.hpp>

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace hawser::fuzz {
namespace {

using shm::detail::guarded_layout;
using shm::detail::permit_layout;
using shm::detail::waiter_place;

/// What differs from one kind of permits to the other.
template <class View>
struct permits_of;

template <>
struct permits_of<shm::semaphore> {
  using held = shm::permit;
  static constexpr std::size_t permits = 5;
  static shm::semaphore create(const std::string& name) {
    return {create_only, name, {.permits = permits}};
  }
  static shm::semaphore open_or_create(const std::string& name) {
    return {hawser::open_or_create, name, {.permits = permits}};
  }
  static void acquire_for(shm::semaphore& view, script& from) {
    use(view.try_acquire_for(patience_of(from), 1 + from.below(permits)));
  }
  static void try_acquire(shm::semaphore& view, script& from) {
    use(view.try_acquire(1 + from.below(permits)));
  }
  static void release(shm::semaphore& view, script& from) { view.release(1 + from.below(permits)); }
  static held hold(shm::semaphore& view, script& from) { return view.hold_for(patience_of(from)); }
  static void look_at(const shm::semaphore& view) {
    use(view.available() + view.held() + view.permits());
    use(view.counters());
  }
};

template <>
struct permits_of<shm::exclusive_lock> {
  static shm::exclusive_lock create(const std::string& name) { return {create_only, name}; }
  static shm::exclusive_lock open_or_create(const std::string& name) {
    return {hawser::open_or_create, name};
  }
  static void acquire_for(shm::exclusive_lock& view, script& from) {
    use(view.try_lock_for(patience_of(from)));
  }
  static void try_acquire(shm::exclusive_lock& view, script&) { use(view.try_lock()); }
  static void release(shm::exclusive_lock& view, script&) { view.unlock(); }
  static void look_at(const shm::exclusive_lock& view) { use(view.owner_died()); }
};

template <>
struct permits_of<shm::shared_lock> {
  static shm::shared_lock create(const std::string& name) { return {create_only, name}; }
  static shm::shared_lock open_or_create(const std::string& name) {
    return {hawser::open_or_create, name};
  }
  static void acquire_for(shm::shared_lock& view, script& from) {
    if (from.below(2) == 0) use(view.try_lock_for(patience_of(from)));
    else use(view.try_lock_shared_for(patience_of(from)));
  }
  static void try_acquire(shm::shared_lock& view, script& from) {
    use(from.below(2) == 0 ? view.try_lock() : view.try_lock_shared());
  }
  static void release(shm::shared_lock& view, script& from) {
    if (from.below(2) == 0) view.unlock();
    else view.unlock_shared();
  }
  static void look_at(const shm::shared_lock& view) { use(view.owner_died()); }
};

template <class T>
struct permits_of<shm::guarded<T>> {
  using guarded = shm::guarded<T>;
  using held = typename guarded::guard;
  static guarded create(const std::string& name) { return {create_only, name, T{}}; }
  static guarded open_or_create(const std::string& name) {
    return {hawser::open_or_create, name, T{}};
  }
  static void try_acquire(guarded& view, script& from) {
    if (auto guard = view.try_lock()) *guard = make_message<T>(from);
  }
  static held hold(guarded& view, script& from) {
    auto guard = view.try_lock_for(patience_of(from));
    if (guard) *guard = make_message<T>(from);
    return guard;
  }
  static void look_at(const guarded& view) { use(view.name()); }
};

template <class View>
class permit_story final : public story {
 public:
  using kind = permits_of<View>;

  permit_story(const std::string& name, script&) : name_(name) {
    views_.push_back(kind::create(name_));
    for (int i = 0; i < 2; ++i) views_.emplace_back(open_only, name_);
  }
  std::vector<target> targets() const override {
    return {{name_,
             {offsetof(permit_layout, inner)},
             {{128, 128 + 5 * 8},  // the account, and the first rows
              {offsetof(permit_layout, waiters), 4 * sizeof(waiter_place)},
              {0, 0},
              {sizeof(permit_layout), sizeof(guarded_layout) + 64}}}};
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  class worker final : public fuzz::worker {
   public:
    explicit worker(permit_story& at) : at_(at) {}

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 13 : 7);
      operate_on(at_.views_[from.below(at_.views_.size())], operation, from);
    }

   private:
    void operate_on(View& view, std::size_t operation, script& from) {
      switch (operation) {
        case 0:
        case 1: acquire(view, from); break;
        case 2: keep(view, from); break;
        case 3: kind::look_at(view); break;
        case 4: kind::look_at(View{open_only, at_.name_}); break;
        case 5: kind::look_at(kind::open_or_create(at_.name_)); break;
        case 6: await(view, shm::ready::writable, [&] { acquire(view, from); }); break;
        case 7:
        case 8: kind::try_acquire(view, from); break;
        case 9:
        case 10: give_back(view, from); break;
        case 11: read(view); break;
        default: at_.held_.clear(); view = View{open_only, at_.name_};  // leaves
      }
    }

    void acquire(View& view, script& from) {
      if constexpr (requires { kind::acquire_for(view, from); }) kind::acquire_for(view, from);
      else keep(view, from);
    }
    void keep(View& view, script& from) {
      if constexpr (requires { kind::hold(view, from); }) {
        auto held = kind::hold(view, from);
        const std::scoped_lock one_thread{at_.holding_};
        if (held) at_.held_.push_back(std::move(held));
      } else {
        acquire(view, from);
      }
    }
    void give_back(View& view, script& from) {
      if (!at_.held_.empty()) at_.held_.pop_back();
      else if constexpr (requires { kind::release(view, from); }) kind::release(view, from);
    }
    static void read(const View& view) {
      if constexpr (requires { view.load(); }) read_message(view.load());
      else kind::look_at(view);
    }

    permit_story& at_;
  };

  template <class Kind>
  struct held_by {
    using type = char;  // nothing
  };
  template <class Kind>
  requires requires(View& view, script& from) { Kind::hold(view, from); }
  struct held_by<Kind> {
    using type = typename Kind::held;
  };

  std::string name_;
  std::vector<View> views_;
  std::mutex holding_;
  std::deque<typename held_by<kind>::type> held_;
};

template <class View>
std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<permit_story<View>>(name, from);
}

std::unique_ptr<story> begin_any(const std::string& name, script& from) {
  return begin_one_of({begin<shm::semaphore>, begin<shm::exclusive_lock>, begin<shm::shared_lock>,
                       begin<shm::guarded<sample>>, begin<shm::guarded<aligned_sample>>},
                      name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("permits", hawser::fuzz::begin_any)
