#include "outbox_scenario.hpp"

#include "../raw_segment.hpp"
#include "../suites.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace hawser::test {

using namespace std::chrono_literals;
using namespace actors::detail;
using killpoint::hang_limit;
using killpoint::verdict;
using clock = std::chrono::steady_clock;
using shm::detail::opening;

namespace {

constexpr std::size_t loan_bytes = 500, references = 8;

shm::payload_pool open_pool(const std::string& name, opening how) {
  const shm::payload_pool_options options{.classes = {}, .large = 8, .references = references};
  return how == opening::create_only ? shm::payload_pool{create_only, name, options}
                                     : shm::payload_pool{open_only, name};
}

shm::detail::pipe_request pipe_named(const std::string& name, opening how) {
  shm::detail::pipe_request request;
  request.name = name;
  request.how = how;
  request.ring_bytes = 8192;
  request.message_bytes_max = 1 << 20;
  return request;
}

}  // namespace

std::vector<outbox_case> outbox_cases() {
  using enum outbox_case::operation;
  return {
      {.name = "send.plain", .what = send},
      {.name = "send.with_loan", .what = send, .loans = 1},
      {.name = "send.with_three_loans", .what = send, .loans = 3},
      {.name = "send.carried", .what = send, .loans = 1, .carried = true},
      {.name = "connect.plain", .what = connect},
      {.name = "connect.with_loans", .what = connect, .loans = 2},
      {.name = "receive.plain", .what = receive},
      {.name = "receive.with_loans", .what = receive, .loans = 2},
      {.name = "close.with_loans", .what = close, .loans = 1},
  };
}

outbox_scenario::side::side(const std::string& name, opening how, bool with_loans)
    : pool(open_pool(name + ".pool", how)),
      pipe(pipe_named(name + ".pipe", how)),
      door(shm::detail::door_request{name + ".door", how}) {
  if (!with_loans) return;
  if (how == opening::create_only) loans.emplace(pool, create_only, name + ".loans");
  else loans.emplace(pool, open_only, name + ".loans");
}

void outbox_scenario::prepare(side& to, std::uint64_t number) {
  frame_ = {};
  with_ = {};
  append(frame_, frame_header{.kind = frame_kind::message,
                              .flags = frame_header::lent,
                              .loans = static_cast<std::uint32_t>(case_.loans),
                              .mid = number});
  for (std::size_t i = 0; i < case_.loans; ++i) {
    with_.loans.push_back(to.pool.try_loan(loan_bytes).value());
    std::memset(with_.loans.back().writable().data(), static_cast<int>(number + i), loan_bytes);
    append(frame_, loan_size{loan_bytes});
  }
}

void outbox_scenario::send() { box_->send(frame_, outbox::urgency::message, std::move(with_)); }

void outbox_scenario::start(side& to, outbox& box) const {
  frame_buffer hello;
  append(hello, frame_header{.kind = frame_kind::hello});
  box.connect(to.pipe, to.door, hello);
}

std::optional<std::size_t> outbox_scenario::take(side& from) {
  std::size_t frames = 0;
  shm::detail::pipe_message message{};
  while (from.pipe.try_peek(message) == shm::take_status::ok) {
    frame_header header{};
    frame_reader in{message.data, message.bytes};
    if (!in.read(header)) return std::nullopt;
    if (header.kind == frame_kind::message) {
      const bool carried = (header.flags & frame_header::lent) == 0;
      for (std::size_t i = 0; i < header.loans; ++i) {
        const shm::payload loan = carried ? shm::payload{} : from.arriving.next(from.loans);
        const auto bytes =
            carried ? std::span{in.rest() + i * loan_bytes, loan_bytes} : loan.bytes();
        const auto expected = static_cast<std::byte>(header.mid + i);
        if (bytes.size() != loan_bytes ||
            std::any_of(bytes.begin(), bytes.end(), [&](std::byte b) { return b != expected; }))
          return std::nullopt;
      }
      if (header.mid != 10 * (frames + 1)) return std::nullopt;
      ++frames;
    }
    from.pipe.take(message);
  }
  return frames;
}

void outbox_scenario::arrange(int object) {
  finish();
  own_ = std::make_unique<side>(unique_ + "." + std::to_string(object), opening::create_only,
                                !case_.carried);
  box_ = std::make_unique<outbox>(actors::transport_options{}, [] {});
  if (victim_sends()) return;
  start(*own_, *box_);
  box_->use_loans(own_->loans ? &*own_->loans : nullptr);
  for (std::size_t i = 1; i <= case_.frames(); ++i) prepare(*own_, 10 * i), send();
}

void outbox_scenario::enter(int object) {
  victims_ = std::make_unique<side>(unique_ + "." + std::to_string(object), opening::open_only,
                                    !case_.carried);
  box_ = std::make_unique<outbox>(actors::transport_options{}, [] {});
  loan_pipe* const loans = victims_->loans ? &*victims_->loans : nullptr;
  if (case_.what == outbox_case::send) {
    start(*victims_, *box_);
    prepare(*victims_, 10);
  }
  box_->use_loans(loans);
  if (case_.what == outbox_case::close) {
    start(*victims_, *box_);
    prepare(*victims_, 10), send();
  }
  if (case_.what == outbox_case::connect)
    for (std::size_t i = 1; i <= case_.frames(); ++i) prepare(*victims_, 10 * i), send();
}

void outbox_scenario::operate() {
  switch (case_.what) {
    case outbox_case::send: send(); break;
    case outbox_case::connect: start(*victims_, *box_); break;
    case outbox_case::receive: (void)take(*victims_); break;
    case outbox_case::close:
      box_->close();
      victims_->loans.reset();
      victims_->pipe.close();
      break;
  }
}

verdict outbox_scenario::check(killpoint::sleeper_news&, bool) {
  verdict found;
  const auto begin = clock::now();
  own_->pool.watch();
  // Whoever waits at a pipe looks after the other end.
  while (!own_->pipe.over()) {
    shm::detail::pipe_message message{};
    (void)own_->pipe.peek(message, clock::now() + 1ms);
    if (own_->pipe.try_peek(message) == shm::take_status::ok && !own_->pipe.peer_alive()) break;
    if (clock::now() - begin > hang_limit) return found.failure = "the end was not seen", found;
  }
  const auto frames = take(*own_);
  if (!frames) return found.failure = "a frame without what was lent with it", found;
  const std::size_t sent_before = case_.what == outbox_case::close ? 1 : 0;
  if (victim_sends()) found.outcome = static_cast<int>(*frames);
  else if (*frames != sent_before) found.failure = "a frame is lost";
  // As a transport does that buries a peer.
  box_->close();
  own_->loans.reset();
  own_->pipe.close();
  const auto in_use = [&] { return own_->pool.counters().classes.back().in_use; };
  while (in_use() != 0) {
    if (clock::now() - begin > hang_limit) return found.failure = "loans are not given back", found;
    std::this_thread::sleep_for(100us);
  }
  std::array<shm::payload, 8> all;
  for (auto& one : all) {
    auto got = own_->pool.try_loan(1);
    if (!got) return found.failure = "not all can be lent again", found;
    one = std::move(*got);
  }
  found.slowest = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begin);
  return found;
}

void outbox_scenario::finish() {
  box_.reset();
  own_.reset();
}

std::string outbox_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

suite outbox_suite() {
  return {"outbox",
          [](scenario_list& all, const std::string& unique) {
            for (const outbox_case& c : outbox_cases())
              all.push_back(
                  std::make_unique<outbox_scenario>(c, unique + "." + std::to_string(all.size())));
          },
          {}};
}

}  // namespace hawser::test
