#include "subjects/subjects.hpp"
#include "two_processes.hpp"
#include <hawser/shm/payload_queue.hpp>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace hawser::bench {
namespace {

constexpr std::size_t chunks = 64;
constexpr std::size_t mib = std::size_t{1} << 20;

using queue = shm::payload_queue<std::uint64_t>;

std::string next_name() {
  static unsigned made = 0;
  return "bench-payload-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

/// A pool and a queue of its own for each sample. Every message is a loan of `Bytes`. With
/// `Touched` its sender writes the message's 64 bytes into it, and they are read there; without,
/// the message's number travels beside it, and the loan's memory is never touched.
template <std::size_t Bytes, bool Touched>
class hawser_payload {
 public:
  hawser_payload() = default;
  hawser_payload(const hawser_payload&) = delete;
  hawser_payload& operator=(const hawser_payload&) = delete;
  ~hawser_payload() {  // when they were killed, because one failed
    shm::remove(name_);
    shm::remove(name_ + ".q");
  }

  class sender {
   public:
    explicit sender(const std::string& name)
        : pool_(open_only, name), to_(pool_, open_only, name + ".q") {}
    void send(const payload& message) {
      auto loan = pool_.loan(Bytes);
      if constexpr (Touched) std::memcpy(loan.writable().data(), &message, sizeof message);
      to_.push(message.words[0], std::move(loan));
    }
    void flush() {}

   private:
    shm::payload_pool pool_;
    queue to_;
  };

  class receiver {
   public:
    explicit receiver(const std::string& name)
        : pool_(create_only, name, {.classes = {{Bytes, chunks}}, .large = 0, .references = 0}),
          from_(pool_, create_only, name + ".q", {.capacity = room_for(sizeof(payload))}) {}
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
    static std::size_t take(shm::payload_lease<std::uint64_t> message, Use&& use) {
      if (!message) return 0;
      if constexpr (Touched) use(*reinterpret_cast<const payload*>(message.bytes().data()));
      else use(make_payload(message.meta()));
      message.ack();
      return 1;
    }
    shm::payload_pool pool_;
    queue from_;
  };

  receiver create_receiver() { return receiver{name_}; }
  sender open_sender() { return sender{name_}; }

 private:
  std::string name_ = next_name();
};

constexpr const char* subject = "hawser.payload";

template <std::size_t Bytes>
sample round_trip_of(const effort& how) {
  sample result = measure_round_trip<hawser_payload<Bytes, true>>(subject, how);
  for (value& one : result.values) one.of.bytes = Bytes;
  return result;
}

/// As GB/s of what is handed over.
template <std::size_t Bytes>
sample throughput_of(const effort& how) {
  sample result = measure_throughput<hawser_payload<Bytes, true>>(subject, how);
  const double gb_per_s = result.values.front().amount * Bytes / 1e3;
  result.values.front() = {{subject, "throughput", Bytes, "GB/s"}, gb_per_s};
  return result;
}

/// Microseconds a message, one way, of loans that nobody touches.
sample untouched(const effort& how) {
  sample result = measure_throughput<hawser_payload<mib, false>>(subject, how);
  result.values.front() = {{subject, "untouched", mib, "us"}, 1 / result.values.front().amount};
  return result;
}

}  // namespace

void add_hawser_payload(std::vector<measurement>& all) {
  all.push_back({subject, group::throughput_64, untouched});
  all.push_back({subject, group::throughput_64k, throughput_of<65'536>});
  all.push_back({subject, group::throughput_1m, throughput_of<mib>});
  all.push_back({subject, group::round_trip, round_trip_of<64>});
  all.push_back({subject, group::round_trip, round_trip_of<mib>});
}

}  // namespace hawser::bench
