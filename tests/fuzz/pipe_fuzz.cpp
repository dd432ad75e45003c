// A pipe or byte stream in memory that somebody writes over: see play.hpp.

#include "messages.hpp"
#include "play.hpp"
#include <hawser/shm/byte_stream.hpp>
#include <hawser/shm/pipe.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

namespace hawser::fuzz {
namespace {

/// Two ends, and those that damage lets more come to. Without company, a worker uses them all;
/// else one of its own, since an end is for one thread.
template <class End>
class ends_story : public story {
 public:
  ends_story(std::string name, script& from, std::size_t message_bytes_max)
      : name_(std::move(name)),
        options_{.bytes = std::size_t{256} << from.below(3),
                 .message_bytes_max = message_bytes_max} {
    ends_.reserve(ends_max);
    ends_.emplace_back(create_only, name_, options_);
    ends_.emplace_back(open_only, name_);
  }
  std::vector<target> targets() const override {
    return {{name_, {}, {{0, sizeof(shm::detail::pipe_layout)}, {768, 0}, {768, 512}}}};
  }

 protected:
  static constexpr std::size_t ends_max = 4;

  class ends_worker : public worker {
   public:
    explicit ends_worker(ends_story& at) : at_(at), own_(at.hired_++ == 0 ? 0 : 1) {}

   protected:
    std::size_t choose(script& from, bool alone) const {
      return alone ? from.below(at_.ends_.size()) : own_;
    }
    End& end(std::size_t index) const { return at_.ends_[index]; }
    const std::string& name() const { return at_.name_; }
    void open_another() const {
      auto& ends = at_.ends_;
      if (ends.size() == ends_max) return;
      if (ends.size() % 2 == 0) ends.emplace_back(open_only, at_.name_);
      else ends.emplace_back(open_or_create, at_.name_, at_.options_);
    }

   private:
    ends_story& at_;
    std::size_t own_;
  };

  std::string name_;
  shm::pipe_options options_;
  std::vector<End> ends_;
  std::size_t hired_ = 0;
};

/// Longer than a quarter of the ring, it goes in parts.
template <class T>
T make_long_message(script& from) {
  T message = make_message<T>(from);
  const std::size_t times = from.below(24);
  if constexpr (requires { message.text; }) message.text.resize(message.text.size() * times);
  else if constexpr (requires { message.resize(1); }) message.resize(message.size() * times);
  return message;
}

template <class T>
class pipe_story final : public ends_story<shm::pipe<T>> {
  using base = ends_story<shm::pipe<T>>;
  using pipe = shm::pipe<T>;

 public:
  pipe_story(const std::string& name, script& from) : base(name, from, 600) {
    for (std::size_t messages = from.below(4); messages != 0; --messages)
      std::ignore = this->ends_[0].try_send(make_message<T>(from));
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  class worker final : public base::ends_worker {
   public:
    using base::ends_worker::ends_worker;

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 18 : 13);
      const std::size_t which = this->choose(from, alone);
      operate_on(this->end(which), held_[which], operation, from);
    }

   private:
    using view = std::optional<typename pipe::view_type>;

    void operate_on(pipe& end, view& held, std::size_t operation, script& from) {
      const auto use_message = [](const auto& message) { read_message(message); };
      switch (operation) {
        case 0: std::ignore = end.send_for(make_long_message<T>(from), patience_of(from)); break;
        case 1: std::ignore = end.try_send(make_long_message<T>(from)); break;
        case 2:
          std::ignore = end.try_send_batch(std::vector<T>(from.below(10), make_message<T>(from)));
          break;
        case 3: read(end.receive_for(patience_of(from))); break;
        case 4: read(end.try_receive()); break;
        case 5: keep(held, [&] { return end.read_for(patience_of(from)); }); break;
        case 6: keep(held, [&] { return end.try_read(); }); break;
        case 7: end.read_batch_for(from.below(1000), patience_of(from), use_message); break;
        case 8: end.try_read_batch(from.below(1000), use_message); break;
        case 9: look_again(held); break;
        case 10: look_at(end); break;
        case 11:
        case 12:
          await(end, operation == 11 ? shm::ready::readable : shm::ready::writable,
                [&] { read(end.receive_for(patience_of(from))); });
          break;
        case 13: use(end.wait_for_peer(patience_of(from))); break;
        case 14: end.close_sending(); break;
        case 15: end.close(); break;
        case 16: use(shm::pipe<int>{open_only, this->name()}.ended()); break;  // of another type
        default: this->open_another(); break;
      }
    }

    static void read(const std::optional<T>& message) {
      if (message) read_message(*message);
    }
    /// The view before ends first: the next one would see the same message.
    template <class Read>
    static void keep(view& held, Read read) {
      held.reset();
      held.emplace(read());
      look_again(held);
    }
    static void look_again(const view& held) {
      if (held && *held) read_message(**held);
    }
    static void look_at(pipe& end) {
      use(end.waiting_bytes() + end.capacity_bytes() + end.message_bytes_max());
      use(end.counters());
      use(end.peer_alive());
      use(end.ended());
    }

    std::array<view, base::ends_max> held_;
  };
};

class stream_story final : public ends_story<shm::byte_stream> {
 public:
  stream_story(const std::string& name, script& from) : ends_story(name, from, 1) {
    std::ignore = ends_[0].try_write(std::vector<std::byte>(from.below(100)));
  }
  std::unique_ptr<fuzz::worker> hire() override { return std::make_unique<worker>(*this); }

 private:
  class worker final : public ends_worker {
   public:
    using ends_worker::ends_worker;

    void operate(script& from, bool alone) override {
      const auto operation = from.below(alone ? 11 : 7);
      shm::byte_stream& end = this->end(choose(from, alone));
      std::vector<std::byte> bytes(operation < 4 ? 1 + from.below(1000) : 0);
      switch (operation) {
        case 0: use(end.write_for(bytes, patience_of(from))); break;
        case 1: use(end.try_write(bytes)); break;
        case 2: use(end.read_some_for(bytes, patience_of(from))); break;
        case 3: use(end.try_read_some(bytes)); break;
        case 4: use(end.peer_alive()); break;
        case 5:
        case 6:
          await(end, operation == 5 ? shm::ready::readable : shm::ready::writable,
                [&] { use(end.wait_for_peer(patience_of(from))); });
          break;
        case 7: end.close_writing(); break;
        case 8: end.close(); break;
        default: open_another(); break;
      }
    }
  };
};

template <class Story>
std::unique_ptr<story> begin(const std::string& name, script& from) {
  return std::make_unique<Story>(name, from);
}

std::unique_ptr<story> begin_any(const std::string& name, script& from) {
  return begin_one_of(
      {begin<pipe_story<sample>>, begin<pipe_story<aligned_sample>>, begin<pipe_story<std::string>>,
       begin<pipe_story<std::vector<std::uint32_t>>>, begin<pipe_story<note>>, begin<stream_story>},
      name, from);
}

}  // namespace
}  // namespace hawser::fuzz

HAWSER_FUZZ("pipe", hawser::fuzz::begin_any)
