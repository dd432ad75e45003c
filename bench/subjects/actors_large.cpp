// Large messages between actors of two processes: bytes that are serialised, and bytes that only change
// hands.

#include "subjects/actors_ways.hpp"
#include <hawser/actors/shared_bytes.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(bench_actors_large, caf::first_custom_type_id + 10)
  CAF_ADD_ATOM(bench_actors_large, hawser::bench, got_atom, "got")
CAF_END_TYPE_ID_BLOCK(bench_actors_large)
// clang-format on
HAWSER_REGISTER(bench_actors_large);

namespace hawser::bench {
namespace {

/// What loans keep their memory for, and larger.
constexpr std::size_t sizes[] = {std::size_t{1} << 20, std::size_t{4} << 20};
constexpr std::uint64_t under_way = 8;

/// As many bytes of either.
std::uint64_t messages_of(std::size_t size, const effort& how) {
  return (how.quick ? 200 : 1'000) * sizes[0] / size;
}

/// Looks at both ends of what it gets, and says so.
caf::behavior serve_large(caf::event_based_actor* self) {
  const auto got = [=](std::uint64_t number, const char* bytes, std::size_t size) {
    std::uint64_t first = 0, last = 0;
    if (size >= sizes[0]) {
      std::memcpy(&first, bytes, sizeof first);
      std::memcpy(&last, bytes + size - sizeof last, sizeof last);
    }
    if (first != number || last != number) return self->quit(caf::sec::invalid_argument);
    self->send(caf::actor_cast<caf::actor>(self->current_sender()), got_atom_v, number);
  };
  return {[=](std::uint64_t number, const std::string& bytes) {
            got(number, bytes.data(), bytes.size());
          },
          [=](std::uint64_t number, const actors::shared_bytes& bytes) {
            got(number, reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size());
          }};
}

void number(void* bytes, std::size_t size, std::uint64_t with) {
  std::memcpy(bytes, &with, sizeof with);
  std::memcpy(static_cast<char*>(bytes) + size - sizeof with, &with, sizeof with);
}

/// Messages a nanosecond, so many of them unconfirmed at a time. `send(self, number)` sends one.
template <class Send>
double send_large(caf::actor_system& system, std::uint64_t messages, Send send) {
  caf::scoped_actor self{system};
  const std::int64_t from_ns = now_ns();
  std::uint64_t sent = 0, confirmed = 0;
  for (; sent < std::min(messages, under_way); ++sent) send(self, sent);
  bool late = false;
  while (confirmed < messages && !late)
    self->receive(
        [&](got_atom, std::uint64_t which) {
          if (which != confirmed++) throw wrong_figure{"a message was lost"};
          if (sent < messages) send(self, sent++);
        },
        caf::after(patience) >> [&] { late = true; });
  if (late) throw wrong_figure{"a message was lost"};
  return static_cast<double>(messages) / static_cast<double>(now_ns() - from_ns);
}

struct figures {
  way_notes note;
  double copied[std::size(sizes)], by_reference[std::size(sizes)];
};

template <class Way>
sample measure_large(const effort& how) {
  const shared<figures> all;
  const auto measure = [&](caf::actor_system& system, const caf::actor& served, std::size_t which) {
    const std::size_t size = sizes[which];
    const std::uint64_t messages = messages_of(size, how);
    std::string bytes(size, 'x');
    all->copied[which] =
        send_large(system, messages, [&](caf::scoped_actor& self, std::uint64_t number_of) {
          number(bytes.data(), size, number_of);
          self->send(served, number_of, bytes);
        });
    if constexpr (std::is_same_v<Way, over_hawser>) {
      actors::transport_host& host = actors::transport(system);
      all->by_reference[which] =
          send_large(system, messages, [&](caf::scoped_actor& self, std::uint64_t number_of) {
            shm::payload one = host.loan(size);
            number(one.writable().data(), size, number_of);
            self->send(served, number_of, actors::shared_bytes{std::move(one)});
          });
    }
  };
  run_pair<Way>(all->note, serve_large, [&](caf::actor_system& system, const caf::actor& served) {
    for (std::size_t i = 0; i < std::size(sizes); ++i) measure(system, served, i);
  });
  sample result;
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    const auto add = [&](const std::string& subject, double rate) {
      result.values.push_back(
          {{subject, "throughput", sizes[i], "GB/s"}, rate * static_cast<double>(sizes[i])});
    };
    add(Way::name, all->copied[i]);
    if (std::is_same_v<Way, over_hawser>) add("actors.hawser.by_reference", all->by_reference[i]);
  }
  return result;
}

}  // namespace

void add_actors_large(std::vector<measurement>& all) {
  all.push_back({over_hawser::name, group::actors, measure_large<over_hawser>});
  all.push_back({over_tcp::name, group::actors, measure_large<over_tcp>});
  all.push_back({over_tuned_tcp::name, group::actors, measure_large<over_tuned_tcp>});
}

}  // namespace hawser::bench
