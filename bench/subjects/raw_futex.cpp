// Two processes that wake each other by futex(2) and do nothing else: what waking costs on this machine.

#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#include <climits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

/// A word for the number, on which the receiver sleeps at once; not a channel: it has room for one message,
/// and is never full, because each is answered before the next.
template <class Message>
class futex_word {
  struct lines {
    alignas(64) std::atomic<std::uint32_t> number;
  };
  static void call(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
    syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
  }

 public:
  class sender {
   public:
    explicit sender(lines& to) : to_(to) {}
    void send(const Message& message) {
      to_.number.store(static_cast<std::uint32_t>(message.words[0] + 1), std::memory_order_release);
      call(to_.number, FUTEX_WAKE, 1);
    }
    void flush() {}

   private:
    lines& to_;
  };

  class receiver {
   public:
    explicit receiver(lines& from) : from_(from) {}
    template <class Use>
    std::size_t receive(Use&& use) {
      for (;;) {
        const std::uint32_t number = from_.number.load(std::memory_order_acquire);
        if (number != seen_) {
          seen_ = number;
          use(make_message<Message>(number - 1));
          return 1;
        }
        call(from_.number, FUTEX_WAIT, number);
      }
    }

   private:
    lines& from_;
    std::uint32_t seen_ = 0;
  };

  receiver create_receiver() { return receiver{*lines_}; }
  sender open_sender() { return sender{*lines_}; }

 private:
  shared<lines> lines_;
};

/// There is room for one message: no throughput.
sample measure_one_cpu(effort how) {
  how.one_cpu = true;
  sample result = measure_blocking_trips<futex_word<payload>>("raw.futex", how);
  for (value& one : result.values) one.of.metric += "_one_cpu";
  return result;
}

}  // namespace

void add_raw_futex(std::vector<measurement>& all) {
  add_blocking<futex_word>(all, "raw.futex");
  all.push_back({"raw.futex", group::one_cpu, measure_one_cpu});
}

}  // namespace hawser::bench
