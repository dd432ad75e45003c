#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"
#include <hawser/shm/pipe.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <unistd.h>

namespace hawser::bench {
namespace {

std::string next_pipe_name() {
  static unsigned made = 0;
  return "bench-pipe-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

/// One message a call, read in place.
template <class Message>
struct one_view {
  using pipe = shm::pipe<Message>;

  class sender {
   public:
    explicit sender(pipe to) : to_(std::move(to)) {}
    void send(const Message& message) { to_.send(message); }
    void flush() {}

   private:
    pipe to_;
  };

  class receiver {
   public:
    explicit receiver(pipe from) : from_(std::move(from)) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      return take(from_.read(), use);
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      return take(from_.try_read(), use);
    }

   private:
    template <class Use>
    static std::size_t take(shm::pipe_view<Message> message, Use&& use) {
      if (!message) return 0;
      use(*message);
      return 1;
    }
    pipe from_;
  };
};

/// Sixteen messages a call, read in place.
template <class Message>
struct views_of_16 {
  static constexpr std::size_t most = 16;
  using pipe = shm::pipe<Message>;

  class sender {
   public:
    explicit sender(pipe to) : to_(std::move(to)) { batch_.reserve(most); }
    void send(const Message& message) {
      batch_.push_back(message);
      if (batch_.size() == most) flush();
    }
    void flush() {
      to_.send_batch(batch_);
      batch_.clear();
    }

   private:
    pipe to_;
    std::vector<Message> batch_;
  };

  class receiver {
   public:
    explicit receiver(pipe from) : from_(std::move(from)) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      return from_.read_batch(most, use);
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      return from_.try_read_batch(most, use);
    }

   private:
    pipe from_;
  };
};

/// A pipe of its own for each sample; the processes that use it remove it by leaving it.
template <class Mode, class Message>
class hawser_pipe {
 public:
  hawser_pipe() = default;
  hawser_pipe(const hawser_pipe&) = delete;
  hawser_pipe& operator=(const hawser_pipe&) = delete;
  ~hawser_pipe() { shm::remove(name_); }  // when they were killed, because one failed

  using sender = typename Mode::sender;
  using receiver = typename Mode::receiver;
  receiver create_receiver() {
    constexpr std::size_t record = sizeof(std::uint64_t) + sizeof(Message);
    return receiver{
        shm::pipe<Message>{create_only, name_, {.bytes = room_for(sizeof(Message)) * record}}};
  }
  sender open_sender() { return sender{shm::pipe<Message>{open_only, name_}}; }

 private:
  std::string name_ = next_pipe_name();
};

sample measure_batches(const effort& how) {
  const auto raw_us = [] { return measure_raw_cacheline({.quick = true}).values.front().amount; };
  const std::string subject = "hawser.pipe.batch16";
  const double before = raw_us();
  sample result = measure_throughput<hawser_pipe<views_of_16<payload>, payload>>(subject, how);
  const double rate = result.values.front().amount, trip = (before + raw_us()) / 2;
  result.values.push_back(
      {{subject, "per_raw_round_trip", sizeof(payload), "messages"}, rate * trip});
  return result;
}

}  // namespace

void add_hawser_pipe(std::vector<measurement>& all) {
  const std::string subject = "hawser.pipe";
  add_throughput_of_all_sizes<in_mode<hawser_pipe, one_view>::type>(all, subject);
  add_throughput<in_mode<hawser_pipe, views_of_16>::type, 8>(all, subject + ".batch16");
  all.push_back({subject + ".batch16", group::throughput_64, measure_batches});
  add_round_trip<in_mode<hawser_pipe, one_view>::type>(all, subject);
  add_blocking<in_mode<hawser_pipe, one_view>::type>(all, subject);
  add_one_cpu<in_mode<hawser_pipe, one_view>::type>(all, subject);
}

}  // namespace hawser::bench
