// Large messages between actors of two processes: bytes that are serialised, and bytes that only change
// hands.

#include "subjects/actors_ways.hpp"
#include <hawser/actors/shared_bytes.hpp>

#include <algorithm>
#include <cstring>
#include <string>

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(bench_actors_large, caf::first_custom_type_id + 10)
  CAF_ADD_ATOM(bench_actors_large, hawser::bench, got_atom, "got")
CAF_END_TYPE_ID_BLOCK(bench_actors_large)
// clang-format on
HAWSER_REGISTER(bench_actors_large);

namespace hawser::bench {
namespace {

constexpr std::size_t message_bytes = std::size_t{1} << 20;
constexpr std::uint64_t under_way = 8;

/// Looks at both ends of what it gets, and says so.
caf::behavior serve_large(caf::event_based_actor* self) {
  const auto got = [=](std::uint64_t number, const char* bytes, std::size_t size) {
    std::uint64_t first = 0, last = 0;
    if (size == message_bytes) {
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

void number(void* bytes, std::uint64_t with) {
  std::memcpy(bytes, &with, sizeof with);
  std::memcpy(static_cast<char*>(bytes) + message_bytes - sizeof with, &with, sizeof with);
}

/// GB a second, so many messages unconfirmed at a time. `send(self, number)` sends one.
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
  return static_cast<double>(messages * message_bytes) / static_cast<double>(now_ns() - from_ns);
}

struct figures {
  way_notes note;
  double copied, by_reference;
};

template <class Way>
sample measure_large(const effort& how) {
  const shared<figures> all;
  const std::uint64_t messages = how.quick ? 300 : 2'000;
  run_pair<Way>(all->note, serve_large, [&](caf::actor_system& system, const caf::actor& served) {
    std::string bytes(message_bytes, 'x');
    all->copied = send_large(system, messages, [&](caf::scoped_actor& self, std::uint64_t which) {
      number(bytes.data(), which);
      self->send(served, which, bytes);
    });
    if constexpr (std::is_same_v<Way, over_hawser>) {
      actors::transport_host& host = actors::transport(system);
      all->by_reference =
          send_large(system, messages, [&](caf::scoped_actor& self, std::uint64_t which) {
            shm::payload one = host.loan(message_bytes);
            number(one.writable().data(), which);
            self->send(served, which, actors::shared_bytes{std::move(one)});
          });
    }
  });
  sample result{{{{Way::name, "throughput", message_bytes, "GB/s"}, all->copied}}, false};
  if (std::is_same_v<Way, over_hawser>)
    result.values.push_back(
        {{"actors.hawser.by_reference", "throughput", message_bytes, "GB/s"}, all->by_reference});
  return result;
}

}  // namespace

void add_actors_large(std::vector<measurement>& all) {
  all.push_back({over_hawser::name, group::actors, measure_large<over_hawser>});
  all.push_back({over_tcp::name, group::actors, measure_large<over_tcp>});
  all.push_back({over_tuned_tcp::name, group::actors, measure_large<over_tuned_tcp>});
}

}  // namespace hawser::bench
