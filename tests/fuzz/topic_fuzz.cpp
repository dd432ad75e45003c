// A topic with subscriptions in memory that somebody writes over: see play.hpp.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/topic.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

namespace hawser::fuzz {
namespace {

using shm::detail::subscriber_row;
using shm::detail::topic_layout;

template <class T>
class topic_story final : public story {
 public:
  using topic = shm::topic<T>;
  using subscription = shm::subscription<T>;

  topic_story(const std::string& name, script& from)
      : name_(name),
        options_{.capacity = 1 + from.below(8), .message_bytes_max = message_bytes_max} {
    views_.emplace_back(create_only, name_, options_);
    views_.emplace_back(open_only, name_);
    for (std::size_t messages = from.below(8); messages != 0; --messages)
      std::ignore = views_[0].try_publish(make_message<T>(from));
    for (int i = 0; i < 3; ++i) subscribers_.emplace_back(open_only, name_, choose_options(from));
  }
  std::vector<target> targets() const override {
    constexpr std::size_t rows = offsetof(topic_layout, rows);
    return {{name_,
             {offsetof(topic_layout, publishers)},
             {{0, rows},
              {rows + sizeof(subscriber_row), 6 * sizeof(subscriber_row)},
              {sizeof(topic_layout), 0}}}};
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  shm::subscription_options choose_options(script& from) const {
    shm::subscription_options how;
    const std::uint8_t shape = from.next();
    if ((shape & 1) != 0) how.mode = shm::delivery::latest;
    else if ((shape & 2) != 0) how.patience = std::chrono::microseconds{shape};
    if ((shape & 4) != 0) how.lag_max = 1 + from.below(options_.capacity);
    if ((shape & 8) != 0) how.history = how.lag_max != 0 ? how.lag_max : options_.capacity;
    return how;
  }

  /// Without company it uses all subscriptions, else one of its own: they are for one thread.
  class worker final : public fuzz::worker {
   public:
    explicit worker(topic_story& at) : at_(at), own_(at.hired_++ == 0 ? 0 : 1) {}

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 20 : 13);
      topic& view = at_.views_[from.below(at_.views_.size())];
      const std::size_t which = alone ? from.below(at_.subscribers_.size()) : own_;
      operate_on(view, which, operation, from);
    }

   private:
    void operate_on(topic& view, std::size_t which, std::size_t operation, script& from) {
      subscription& subscriber = at_.subscribers_[which];
      switch (operation) {
        case 0:
        case 1: std::ignore = view.publish_for(make_message<T>(from), patience_of(from)); break;
        case 2:
        case 3: read(subscriber.take_for(patience_of(from))); break;
        case 4: keep([&] { return subscriber.read_for(patience_of(from)); }); break;
        case 5: look_again(); break;
        case 6: reading_.reset(); break;
        case 7: look_at(view); break;
        case 8: look_at(subscriber); break;
        case 9:
          await(subscriber, shm::ready::readable,
                [&] { read(subscriber.take_for(patience_of(from))); });
          break;
        case 10:
          await(view, shm::ready::writable,
                [&] { std::ignore = view.publish_for(make_message<T>(from), patience_of(from)); });
          break;
        case 11: look_at(topic{open_only, at_.name_}); break;
        case 12: look_at(topic{open_or_create, at_.name_, at_.options_}); break;
        case 13: std::ignore = view.try_publish(make_message<T>(from)); break;
        case 14:
          use(view.try_publish_batch(std::vector<T>(from.below(10), make_message<T>(from))));
          break;
        case 15: read(subscriber.try_take()); break;
        case 16: keep([&] { return subscriber.try_read(); }); break;
        case 17: view.close(); break;
        case 18: view = topic{open_only, at_.name_}; break;  // leaves
        default:
          reading_.reset();
          subscriber = subscription{open_only, at_.name_, at_.choose_options(from)};
      }
    }

    static void read(const std::optional<T>& message) {
      if (message) read_message(*message);
    }
    template <class Read>
    void keep(Read read) {
      reading_.reset();
      reading_.emplace(read());
      look_again();
    }
    void look_again() const {
      if (reading_ && *reading_) read_message(**reading_);
    }
    template <class View>
    static void look_at(const View& view) {
      use(view.closed());
      if constexpr (requires { view.counters(); }) {
        use(view.counters());
        use(view.subscribers() + view.capacity() + view.message_bytes_max());
      } else {
        use(view.lag() + view.missed() + view.position());
      }
    }

    topic_story& at_;
    std::size_t own_;
    std::optional<shm::reading<T>> reading_;
  };

  std::string name_;
  shm::topic_options options_;
  std::vector<topic> views_;
  std::vector<subscription> subscribers_;
  std::size_t hired_ = 0;
};

template <class T>
std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<topic_story<T>>(name, from);
}

std::unique_ptr<story> begin_any(const std::string& name, script& from) {
  return begin_one_of({begin<sample>, begin<aligned_sample>, begin<std::string>,
                       begin<std::vector<std::uint32_t>>, begin<note>},
                      name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("topic", hawser::fuzz::begin_any)
