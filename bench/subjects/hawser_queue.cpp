#include "subjects/subjects.hpp"
#include "two_processes.hpp"
#include <hawser/shm/queue.hpp>

#include <string>
#include <vector>

#include <unistd.h>

namespace hawser::bench {
namespace {

using queue = shm::queue<payload>;

std::string next_name() {
  static unsigned made = 0;
  return "bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

/// One message a call, read in place and acknowledged.
struct one_lease {
  class sender {
   public:
    explicit sender(queue to) : to_(std::move(to)) {}
    void send(const payload& message) { to_.push(message); }
    void flush() {}

   private:
    queue to_;
  };

  class receiver {
   public:
    explicit receiver(queue from) : from_(std::move(from)) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      return take(from_.lease(), use);
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      return take(from_.try_lease(), use);
    }

   private:
    template <class Use>
    static std::size_t take(shm::lease<payload> message, Use&& use) {
      if (!message) return 0;
      use(*message);
      message.ack();
      return 1;
    }
    queue from_;
  };
};

/// One message a call, copied out, gone for good.
struct one_pop {
  using sender = one_lease::sender;

  class receiver {
   public:
    explicit receiver(queue from) : from_(std::move(from)) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      return take(from_.pop(), use);
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      return take(from_.try_pop(), use);
    }

   private:
    template <class Use>
    static std::size_t take(const std::optional<payload>& message, Use&& use) {
      if (!message) return 0;
      use(*message);
      return 1;
    }
    queue from_;
  };
};

/// Sixteen messages a call, read in place, each acknowledged.
struct batches_of_16 {
  static constexpr std::size_t most = 16;

  class sender {
   public:
    explicit sender(queue to) : to_(std::move(to)) { batch_.reserve(most); }
    void send(const payload& message) {
      batch_.push_back(message);
      if (batch_.size() == most) flush();
    }
    void flush() {
      to_.push_batch(batch_);
      batch_.clear();
    }

   private:
    queue to_;
    std::vector<payload> batch_;
  };

  class receiver {
   public:
    explicit receiver(queue from) : from_(std::move(from)) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      return take(from_.lease_batch(most), use);
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      return take(from_.try_lease_batch(most), use);
    }

   private:
    template <class Use>
    static std::size_t take(std::vector<shm::lease<payload>> messages, Use&& use) {
      for (auto& message : messages) {
        use(*message);
        message.ack();
      }
      return messages.size();
    }
    queue from_;
  };
};

/// A queue of its own for each sample; the processes that use it remove it by leaving it.
template <class Mode>
class hawser_queue {
 public:
  hawser_queue() = default;
  hawser_queue(const hawser_queue&) = delete;
  hawser_queue& operator=(const hawser_queue&) = delete;
  ~hawser_queue() { shm::remove(name_); }  // when they were killed, because one failed

  using sender = typename Mode::sender;
  using receiver = typename Mode::receiver;
  receiver create_receiver() {
    return receiver{queue{create_only, name_, {.capacity = channel_capacity}}};
  }
  sender open_sender() { return sender{queue{open_only, name_}}; }

 private:
  std::string name_ = next_name();
};

template <class Mode>
measurement throughput_of(const std::string& subject) {
  return {subject, group::throughput,
          [=](const effort& how) { return measure_throughput<hawser_queue<Mode>>(subject, how); }};
}

template <class Mode>
measurement round_trip_of(const std::string& subject) {
  return {subject, group::round_trip,
          [=](const effort& how) { return measure_round_trip<hawser_queue<Mode>>(subject, how); }};
}

}  // namespace

void add_hawser_queue(std::vector<measurement>& all) {
  all.push_back(throughput_of<one_lease>("hawser.queue.lease"));
  all.push_back(throughput_of<one_pop>("hawser.queue.pop"));
  all.push_back(throughput_of<batches_of_16>("hawser.queue.batch16"));
  all.push_back(round_trip_of<one_lease>("hawser.queue.lease"));
  all.push_back(round_trip_of<one_pop>("hawser.queue.pop"));
}

}  // namespace hawser::bench
