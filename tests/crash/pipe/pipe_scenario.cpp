// The processes' parts before and during the operation; pipe_judgement.cpp has what follows.

#include "pipe_scenario.hpp"

#include "../queue/queue_messages.hpp"
#include <hawser/shm/detail/attachment.hpp>

#include <cstring>
#include <filesystem>
#include <future>
#include <stdexcept>

#include <sys/mman.h>

namespace hawser::test {

using namespace std::chrono_literals;
using shm::push_status;
using shm::detail::pipe_layout;

namespace {

template <class Condition>
void await(Condition holds, const char* what) {
  const auto end = std::chrono::steady_clock::now() + killpoint::hang_limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error(what);
    std::this_thread::yield();
  }
}

/// Fills both rings with what earlier laps may leave: headers of messages that are long gone. Only
/// where the first record goes to is a zero.
void make_dirty(const raw_segment& raw) {
  auto& p = raw.body<pipe_layout>();
  auto* const words = reinterpret_cast<std::uint64_t*>(&p + 1);
  using header = shm::detail::record_header;
  for (std::size_t i = 0; i < 2 * pipe_case_ring / 8; ++i)
    words[i] = i % (pipe_case_ring / 8) == 0 ? 0 : header::make(0, header::first).bits;
}

}  // namespace

// One for all scenarios, of which one is played at a time: what is shared is read after every step.
pipe_scenario::notes& pipe_scenario::shared_notes() {
  static notes* const one = [] {
    void* const memory =
        mmap(nullptr, sizeof(notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("mmap of the notes");
    return new (memory) notes{};
  }();
  return *one;
}

pipe_scenario::pipe_scenario(pipe_case c, std::string unique)
    : case_(std::move(c)), unique_(std::move(unique)), notes_(&shared_notes()) {}

pipe_scenario::~pipe_scenario() {
  if (partner_.joinable()) partner_.join();
}

void pipe_scenario::create(std::optional<pipe>& end, int object) {
  const shm::pipe_options options{.bytes = pipe_case_ring};
  if (case_.nameless) {
    end.emplace(pipe::anonymous(options));
    std::strncpy(notes_->name, end->name().c_str(), sizeof notes_->name - 1);
  } else {
    end.emplace(create_only, name_of(object), options);
  }
  make_dirty(raw_segment(end->name()));
}

void pipe_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (partner_.joinable()) partner_.join();
  raw_.reset();
  pipe_.reset();
  released_.clear();
  notes_->woken = false;
  ++points_;
  name_ = name_of(object);
  if (has_sleeper()) return;
  create(pipe_, object);
  raw_.emplace(pipe_->name());
  if (case_.in_taken + case_.in_left + case_.out_taken != 0 || case_.peer_closed)
    partner_ = std::thread{[this] { play_partner(); }};
}

void pipe_scenario::play_partner() {
  for (std::size_t i = 0; i < case_.in_taken + case_.in_left; ++i)
    pipe_->send(message(i + 1 + (case_.parts ? pipe_in_parts : 0)));
  for (std::size_t i = 0; i < case_.out_taken; ++i) (void)pipe_->receive();
  if (case_.peer_closed) pipe_->close();
}

void pipe_scenario::occupy(int object) {
  if (has_sleeper()) create(own_, object);
  else own_.emplace(open_only, name_of(object));
  own_->send(message(pipe_of_corpse));
}

void pipe_scenario::enter(int object) {
  shm::detail::set_wait_slices(slices());
  if (case_.what == pipe_operation::sweep) {
    static constexpr shm::detail::channel_kind_ops ops{
        shm::detail::channel_kind::pipe, "pipe", shm::detail::reclaim_pipe, shm::detail::wake_pipe};
    shm::detail::attach_request request;
    request.name = name_of(object);
    request.type_fingerprint = shm::detail::type_fingerprint<std::string>();
    request.check = [](const std::byte*, std::size_t) {};
    third_ = std::make_unique<shm::detail::attachment>(ops, request);
    return;
  }
  for (std::uint64_t i = 0; i < 3; ++i) out_.push_back(message(pipe_of_victim + i));
  if (case_.what == pipe_operation::send_parts) out_[0] = message(pipe_of_victim + pipe_in_parts);
  if (case_.what == pipe_operation::send_huge) out_[0] = message(pipe_of_victim + pipe_huge);
  name_ = name_of(object);
  if (case_.what == pipe_operation::attach) return;
  if (has_sleeper()) create(own_, object);
  else own_.emplace(open_only, name_);
  const raw_segment raw(name_);
  const auto& p = raw.body<pipe_layout>();
  const unsigned me = has_sleeper() ? 0 : 1;
  for (std::size_t i = 0; i < case_.out_taken + case_.out_left; ++i) own_->send(message(i + 1));
  for (std::size_t i = 0; i < case_.in_taken; ++i) (void)own_->receive();
  await([&] { return p.to[1 - me].received.load() == case_.out_taken; }, "not received");
  await([&] { return p.to[me].sent.load() == case_.in_taken + case_.in_left; }, "not sent");
  if (case_.peer_closed)
    await([&] { return p.ends[0].load() == shm::detail::end_gone; }, "not closed");
  // The first wait of a process, or its first look at its peer, starts a thread, and the first
  // waits spin for longer: neither belongs to the operation.
  for (int i = 0; i < (blocks() ? 16 : 1); ++i) {
    if (case_.what == pipe_operation::send_wait || case_.what == pipe_operation::send_huge)
      (void)own_->send_for(case_.out_left == 5 ? out_[0] : std::string(1000, ' '), 10us);
    else if (case_.in_left == 0 && !case_.peer_closed) (void)own_->receive_for(10us);
    else (void)own_->try_send_batch(std::vector<std::string>{});
  }
}

void pipe_scenario::operate() {
  switch (case_.what) {
    case pipe_operation::send:
    case pipe_operation::send_parts: (void)own_->try_send(out_[0]); break;
    case pipe_operation::send_wait:
    case pipe_operation::send_huge: own_->send(out_[0]); break;
    case pipe_operation::send_batch: own_->try_send_batch(out_); break;
    case pipe_operation::receive: (void)own_->try_receive(); break;
    case pipe_operation::receive_wait: (void)own_->receive(); break;
    case pipe_operation::read: own_->try_read().done(); break;
    case pipe_operation::read_batch: own_->try_read_batch(3, [](std::string_view) {}); break;
    case pipe_operation::close: own_->close(); break;
    case pipe_operation::close_sending: own_->close_sending(); break;
    case pipe_operation::attach: own_.emplace(open_only, name_now()); break;
    case pipe_operation::detach: own_.reset(); break;
    case pipe_operation::sweep: third_->look_for_dead(true); break;
  }
}

std::string pipe_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  std::string told;
  if (sleeper_creates()) {
    create(pipe_, object);
    pipe_->wait_for_peer(std::chrono::hours{1});
    notes_->woken = true;
    told = "peer";
  } else {
    pipe_.emplace(open_only, name_of(object));
    told = case_.other == pipe_sleeping::receiver || case_.other == pipe_sleeping::watcher
               ? be_receiver()
               : be_sender();
  }
  return told;  // and leaves when the next pipe comes: the victim may live still
}

std::string pipe_scenario::be_receiver() {
  std::string told;
  // In a sweep the corpse's message is there already; what it wakes us for is the end.
  const bool wakes_by_message = case_.what != pipe_operation::sweep;
  for (;;) {
    if (case_.other == pipe_sleeping::watcher) await_callback(shm::ready::readable);
    const auto text =
        case_.other == pipe_sleeping::watcher ? pipe_->try_receive() : pipe_->receive();
    const bool ended = !text && pipe_->ended();
    if (ended || (text && wakes_by_message)) notes_->woken = true;
    if (text) told += std::to_string(id_of(*text)) + " ";
    if (ended) return told + "end";
  }
}

std::string pipe_scenario::be_sender() {
  std::size_t sent = 0;
  while (pipe_->try_send(message(++sent)) == push_status::ok) continue;
  for (;;) {
    if (case_.other == pipe_sleeping::space_watcher) await_callback(shm::ready::writable);
    const push_status status = case_.other == pipe_sleeping::space_watcher
                                   ? pipe_->try_send(message(sent))
                                   : pipe_->send(message(sent));
    if (status != push_status::full) notes_->woken = true;
    if (status == push_status::closed) return "end";
    if (status == push_status::ok) ++sent;
  }
}

void pipe_scenario::await_callback(shm::ready what) {
  std::promise<void> called;
  const auto handle = pipe_->async_wait(what, [&] { called.set_value(); });
  called.get_future().wait();
}

bool pipe_scenario::is_dozing(pid_t sleeper, int object) {
  if (case_.other == pipe_sleeping::watcher || case_.other == pipe_sleeping::space_watcher)
    return raw_segment(name_of(object)).is_armed(sleeper);
  return scenario::is_dozing(sleeper, object);
}

void pipe_scenario::release() {
  if (case_.what == pipe_operation::receive_wait) pipe_->send(message(pipe_of_release));
  else if (const auto text = pipe_->try_receive()) released_.push_back(id_of(*text));
}

void pipe_scenario::finish() {
  if (partner_.joinable()) partner_.join();
  raw_.reset();
  pipe_.reset();
}

std::string pipe_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
