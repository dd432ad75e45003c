#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

namespace hawser::bench {
namespace {

/// A ring for one producer and one consumer, in shared memory, without any provision for death,
/// sleep or a second producer: what an engineer would write by hand. Each side keeps a copy of
/// the other's position and reads the real one only when the copy says full or empty.
template <class Message>
struct ring {
  static constexpr std::uint64_t capacity = room_for(sizeof(Message)), mask = capacity - 1;
  static_assert((capacity & mask) == 0);

  alignas(128) std::atomic<std::uint64_t> tail;  // messages written; by the producer
  alignas(128) std::atomic<std::uint64_t> head;  // messages read; by the consumer
  alignas(128) Message slots[capacity];
};

template <class Message>
class bare_ring {
 public:
  class sender {
   public:
    explicit sender(ring<Message>& to) : to_(to) {}

    void send(const Message& message) {
      const std::uint64_t at = to_.tail.load(std::memory_order_relaxed);
      while (at - head_seen_ == ring<Message>::capacity) {
        head_seen_ = to_.head.load(std::memory_order_acquire);
        if (at - head_seen_ == ring<Message>::capacity) shm::detail::cpu_relax();
      }
      to_.slots[at & ring<Message>::mask] = message;
      to_.tail.store(at + 1, std::memory_order_release);
    }
    void flush() {}

   private:
    ring<Message>& to_;
    std::uint64_t head_seen_ = 0;
  };

  class receiver {
   public:
    explicit receiver(ring<Message>& from) : from_(from) {}

    template <class Use>
    std::size_t receive(Use&& use) {
      while (try_receive(use) == 0) shm::detail::cpu_relax();
      return 1;
    }

    template <class Use>
    std::size_t try_receive(Use&& use) {
      const std::uint64_t at = from_.head.load(std::memory_order_relaxed);
      if (at == tail_seen_) {
        tail_seen_ = from_.tail.load(std::memory_order_acquire);
        if (at == tail_seen_) return 0;
      }
      if constexpr (sizeof(Message) <= 64) {
        const Message copy = from_.slots[at & ring<Message>::mask];
        from_.head.store(at + 1, std::memory_order_release);
        use(copy);
      } else {
        *copy_ = from_.slots[at & ring<Message>::mask];
        from_.head.store(at + 1, std::memory_order_release);
        use(*copy_);
      }
      return 1;
    }

   private:
    ring<Message>& from_;
    std::uint64_t tail_seen_ = 0;
    std::unique_ptr<Message> copy_ = std::make_unique<Message>();
  };

  receiver create_receiver() { return receiver{*ring_}; }
  sender open_sender() { return sender{*ring_}; }

 private:
  shared<ring<Message>> ring_;
};

}  // namespace

void add_bare_ring(std::vector<measurement>& all) {
  add_throughput_of_all_sizes<bare_ring>(all, "bare.ring");
  add_round_trip<bare_ring>(all, "bare.ring");
}

}  // namespace hawser::bench
