#include "chunk_code.hpp"

#include <hawser/actors/detail/describe_exception.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace hawser::actors::detail {
namespace {

using clock = std::chrono::steady_clock;

void put_current_exception(byte_buffer& out) {
  constexpr std::size_t message_max = 32 * 1024;
  const auto [type, message] = describe_exception(std::current_exception());
  put(out, static_cast<std::uint32_t>(type.size()));
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), message.begin(),
             message.begin() + static_cast<std::ptrdiff_t>(std::min(message.size(), message_max)));
}

}  // namespace

void begin_chunk(byte_buffer& out, const std::string& name, std::size_t count) {
  put(out, static_cast<std::uint16_t>(name.size()));
  out.insert(out.end(), name.begin(), name.end());
  put(out, static_cast<std::uint32_t>(count));
}

void put_arguments(byte_buffer& out, const byte_buffer& arguments) {
  put(out, static_cast<std::uint32_t>(arguments.size()));
  out.insert(out.end(), arguments.begin(), arguments.end());
}

namespace {

/// Results, until they are reported: when they have gathered for a moment, or are many.
class gathering {
 public:
  using report_function = std::function<void(byte_buffer&&, references&&, std::uint64_t)>;
  explicit gathering(const report_function& report) : report_(report) {}

  void run(const task_entry& of, byte_source arguments, const references& with) {
    add([&] { of.run(arguments, with, results_, &results_with_); });
  }
  void fail(const std::exception_ptr& why) {
    add([&] { std::rethrow_exception(why); });
  }
  void send(clock::time_point now) {
    report_(std::exchange(results_, {}), std::exchange(results_with_, {}),
            static_cast<std::uint64_t>((now - begun_).count()));
    begun_ = now;
    gathered_ = 0;
  }
  /// Not behind the last one: it is sent anyhow.
  void send_if_enough() {
    constexpr std::chrono::nanoseconds gather = std::chrono::microseconds{500};
    constexpr std::size_t bytes_max = 64 * 1024, references_max = 16;
    const bool much = results_.size() >= bytes_max || results_with_.bytes.size() >= references_max;
    // The clock is looked at as often as there is something to see, not oftener.
    if (--until_look_ > 0 && !much) return;
    const auto now = clock::now();
    const std::int64_t task_ns = std::max<std::int64_t>(1, (now - begun_).count() / gathered_);
    until_look_ = std::clamp<std::int64_t>(gather.count() / 8 / task_ns, 1, 256);
    if (much || now - begun_ >= gather) send(now);
  }

 private:
  template <class Job>
  void add(Job job) {
    const std::size_t at = results_.size();
    put(results_, result_kind::value);
    put(results_, std::uint32_t{0});
    const std::size_t value_at = results_.size(), bytes_before = results_with_.bytes.size();
    try {
      job();
    } catch (...) {
      results_.resize(value_at);
      results_with_.bytes.resize(bytes_before);
      results_[at] = static_cast<char>(result_kind::thrown);
      put_current_exception(results_);
    }
    put_at(results_, at + 1, static_cast<std::uint32_t>(results_.size() - value_at));
    ++gathered_;
  }

  const report_function& report_;
  byte_buffer results_;
  references results_with_;
  clock::time_point begun_ = clock::now();
  std::int64_t gathered_ = 0, until_look_ = 1;
};

/// The task of a chunk. Nothing: there is none of that name here, and why.
const task_entry* find(const std::string& name, std::exception_ptr& why) {
  thread_local const task_entry* last = nullptr;
  if (last != nullptr && last->name == name) return last;
  try {
    return last = &find_task(name);
  } catch (...) {
    why = std::current_exception();
    return nullptr;
  }
}

}  // namespace

void run_chunks(const byte_buffer& message, const references& with,
                const gathering::report_function& report) {
  byte_source from{message.data(), message.size()};
  gathering results{report};
  std::string name;
  while (from.size != 0) {
    std::uint16_t length = 0;
    std::uint32_t count = 0;
    if (!take(from, length) || from.size < length) break;
    name.assign(from.data, length);
    from.skip(length);
    if (!take(from, count)) break;
    std::exception_ptr why;
    const task_entry* const task = find(name, why);
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint32_t bytes = 0;
      if (!take(from, bytes) || from.size < bytes) return results.send(clock::now());
      // Its own, however much of them it reads.
      if (task != nullptr) results.run(*task, {from.data, bytes}, with);
      else results.fail(why);
      from.skip(bytes);
      if (from.size != 0 || i + 1 != count) results.send_if_enough();
    }
  }
  results.send(clock::now());
}

}  // namespace hawser::actors::detail
