#include "subjects/subjects.hpp"
#include "two_processes.hpp"

namespace hawser::bench {
namespace {

/// One cache line each way, a number in it, both sides spinning: nothing that moves data
/// between two CPUs through memory can be faster.
class raw_cacheline {
  struct lines {
    alignas(64) std::atomic<std::uint64_t> number;
  };

 public:
  class sender {
   public:
    explicit sender(lines& to) : to_(to) {}
    void send(const payload& message) {
      // Release pairs with the receiver's acquire; numbers start at 0, which means "none".
      to_.number.store(message.words[0] + 1, std::memory_order_release);
    }
    void flush() {}

   private:
    lines& to_;
  };

  class receiver {
   public:
    explicit receiver(lines& from) : from_(from) {}
    template <class Use>
    std::size_t try_receive(Use&& use) {
      const std::uint64_t number = from_.number.load(std::memory_order_acquire);
      if (number == seen_) return 0;
      seen_ = number;
      use(make_payload(number - 1));
      return 1;
    }

   private:
    lines& from_;
    std::uint64_t seen_ = 0;
  };

  receiver create_receiver() { return receiver{*lines_}; }
  sender open_sender() { return sender{*lines_}; }

 private:
  shared<lines> lines_;
};

}  // namespace

sample measure_raw_cacheline(const effort& how) {
  return measure_round_trip<raw_cacheline>("raw.cacheline", how);
}

}  // namespace hawser::bench
