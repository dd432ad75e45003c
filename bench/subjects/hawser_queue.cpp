#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"
#include <hawser/shm/queue.hpp>

#include <string>
#include <vector>

#include <unistd.h>

namespace hawser::bench {
namespace {

std::string next_name() {
  static unsigned made = 0;
  return "bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

/// One message a call, read in place and acknowledged.
template <class Message>
struct one_lease {
  using queue = shm::queue<Message>;

  class sender {
   public:
    explicit sender(queue to) : to_(std::move(to)) {}
    void send(const Message& message) { to_.push(message); }
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
    static std::size_t take(shm::lease<Message> message, Use&& use) {
      if (!message) return 0;
      use(*message);
      message.ack();
      return 1;
    }
    queue from_;
  };
};

/// One message a call, copied out, gone for good.
template <class Message>
struct one_pop {
  using queue = shm::queue<Message>;
  using sender = typename one_lease<Message>::sender;

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
    static std::size_t take(const std::optional<Message>& message, Use&& use) {
      if (!message) return 0;
      use(*message);
      return 1;
    }
    queue from_;
  };
};

/// Sixteen messages a call, read in place, each acknowledged.
template <class Message>
struct batches_of_16 {
  using queue = shm::queue<Message>;
  static constexpr std::size_t most = 16;

  class sender {
   public:
    explicit sender(queue to) : to_(std::move(to)) { batch_.reserve(most); }
    void send(const Message& message) {
      batch_.push_back(message);
      if (batch_.size() == most) flush();
    }
    void flush() {
      to_.push_batch(batch_);
      batch_.clear();
    }

   private:
    queue to_;
    std::vector<Message> batch_;
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
    static std::size_t take(std::vector<shm::lease<Message>> messages, Use&& use) {
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
template <class Mode, class Message>
class hawser_queue {
 public:
  hawser_queue() = default;
  hawser_queue(const hawser_queue&) = delete;
  hawser_queue& operator=(const hawser_queue&) = delete;
  ~hawser_queue() { shm::remove(name_); }  // when they were killed, because one failed

  using sender = typename Mode::sender;
  using receiver = typename Mode::receiver;
  receiver create_receiver() {
    return receiver{
        shm::queue<Message>{create_only, name_, {.capacity = room_for(sizeof(Message))}}};
  }
  receiver open_receiver() { return receiver{shm::queue<Message>{open_only, name_}}; }
  sender open_sender() { return sender{shm::queue<Message>{open_only, name_}}; }

 private:
  std::string name_ = next_name();
};

}  // namespace

void add_hawser_queue(std::vector<measurement>& all) {
  const std::string subject = "hawser.queue";
  add_throughput_of_all_sizes<in_mode<hawser_queue, one_lease>::type>(all, subject + ".lease");
  add_throughput_of_all_sizes<in_mode<hawser_queue, one_pop>::type>(all, subject + ".pop");
  add_throughput<in_mode<hawser_queue, batches_of_16>::type, 8>(all, subject + ".batch16");
  add_throughput<in_mode<hawser_queue, batches_of_16>::type, 64>(all, subject + ".batch16");
  add_round_trip<in_mode<hawser_queue, one_lease>::type>(all, subject + ".lease");
  add_round_trip<in_mode<hawser_queue, one_pop>::type>(all, subject + ".pop");
  add_blocking<in_mode<hawser_queue, one_lease>::type>(all, subject + ".lease");
  add_one_cpu<in_mode<hawser_queue, one_lease>::type>(all, subject + ".lease");
  add_many<in_mode<hawser_queue, one_lease>::type>(all, subject + ".lease");
  add_many<in_mode<hawser_queue, one_pop>::type>(all, subject + ".pop");
}

}  // namespace hawser::bench
