// The processes' parts before and during the operation; payload_pipe_judgement.cpp has what follows.

#include "payload_pipe_scenario.hpp"

#include "../../support/payload_bytes.hpp"

#include <filesystem>
#include <stdexcept>

#include <sys/stat.h>

namespace hawser::test {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pool;
using shm::push_status;

namespace {

constexpr shm::payload_pipe_options pipe_options{.capacity = 3};

}  // namespace

payload payload_pipe_scenario::filled(payload_pool& pool, std::uint64_t id) const {
  auto one = pool.try_loan(case_.bytes);
  if (!one) throw std::runtime_error("no payload while arranging");
  fill(one->writable(), id);
  return std::move(*one);
}

void payload_pipe_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  finish();
  name_ = name_of(object);
  ++points_;
  pool_.emplace(
      create_only, name_,
      shm::payload_pool_options{.classes = {{pp_small, pp_chunks}}, .large = 2, .references = 2});
  raw_pool_.emplace(name_);
  struct stat status {};
  stat(segment_path(name_).c_str(), &status);
  pages_ = static_cast<std::size_t>(status.st_blocks);
  if (!case_.sleeper_has_end()) {
    end_.emplace(*pool_, create_only, pipe_name(), pipe_options);
    for (std::size_t i = 0; i < case_.in; ++i)
      if (end_->try_send(pp_in + i, filled(*pool_, pp_in + i)) != push_status::ok)
        throw std::runtime_error("cannot send while arranging");
  }
  for (std::size_t i = 0; i < case_.held; ++i) held_.push_back(filled(*pool_, pp_held + i));
}

void payload_pipe_scenario::open(int object) {
  name_ = name_of(object);
  own_pool_.emplace(open_only, name_);
  if (case_.what == payload_pipe_operation::attach) return;
  if (case_.sleeper_has_end()) own_end_.emplace(*own_pool_, create_only, pipe_name(), pipe_options);
  else own_end_.emplace(*own_pool_, open_only, pipe_name());
  for (std::size_t i = 0; i < case_.out; ++i)
    if (own_end_->try_send(pp_out + i, filled(*own_pool_, pp_out + i)) != push_status::ok)
      throw std::runtime_error("cannot send while arranging");
}

void payload_pipe_scenario::occupy(int object) {
  open(object);
  if (case_.corpse == payload_pipe_remains::end) {
    own_received_ = own_end_->try_receive();
    return;
  }
  own_end_->close_sending();
  own_other_.emplace(std::move(*own_end_));
  pipe a{*own_pool_, create_only, name_ + ".both", pipe_options};
  pipe b{*own_pool_, open_only, name_ + ".both"};
  for (std::uint64_t i = 0; i < 2; ++i) {
    (void)a.try_send(i, filled(*own_pool_, i));
    (void)b.try_send(i, filled(*own_pool_, i));
  }
  // To be killed with, not to be closed on the way out.
  new pipe{std::move(a)};
  new pipe{std::move(b)};
}

void payload_pipe_scenario::enter(int object) {
  using enum payload_pipe_operation;
  shm::detail::set_wait_slices(slices());
  if (case_.what == sweep) {
    shm::detail::pool_request request;
    request.name = name_of(object);
    own_core_ = std::make_unique<shm::detail::pool_core>(request);
    return;
  }
  open(object);
  if (case_.what == send || case_.what == send_wait) own_ = filled(*own_pool_, pp_of_victim);
  // The first look at the peer starts a thread, and the first waits spin for longer: neither
  // belongs to the operation.
  if (case_.what == send || case_.what == close) (void)own_end_->ended();
  for (int i = 0; blocks() && i < 16; ++i) {
    if (case_.what == send_wait) (void)own_end_->send_for(1, std::move(own_), 10us);
    else (void)own_end_->receive_for(10us);
  }
}

void payload_pipe_scenario::operate() {
  switch (case_.what) {
    case payload_pipe_operation::send:
      (void)own_end_->try_send(pp_of_victim, std::move(own_));
      break;
    case payload_pipe_operation::send_wait: own_end_->send(pp_of_victim, std::move(own_)); break;
    case payload_pipe_operation::receive: own_received_ = own_end_->try_receive(); break;
    case payload_pipe_operation::receive_wait: own_received_ = own_end_->receive(); break;
    case payload_pipe_operation::close: own_end_->close(); break;
    case payload_pipe_operation::close_sending: own_end_->close_sending(); break;
    case payload_pipe_operation::attach:
      own_end_.emplace(*own_pool_, open_only, pipe_name());
      break;
    case payload_pipe_operation::detach: own_end_.reset(); break;
    case payload_pipe_operation::sweep: own_core_->channel().look_for_dead(true); break;
  }
}

std::string payload_pipe_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  end_.reset();
  pool_.emplace(open_only, name_of(object));
  if (case_.other == payload_pipe_sleeper::loaner)
    return std::to_string(pool_->loan(case_.bytes).size());
  end_.emplace(*pool_, open_only, name_of(object) + ".p");
  if (case_.other == payload_pipe_sleeper::receiver) {
    const auto got = end_->receive();
    if (!got) return "end";
    return holds(got->data.bytes(), got->meta) ? std::to_string(got->meta) : "torn";
  }
  for (;;) {
    payload one = filled(*pool_, pp_in);
    const push_status now = end_->try_send(pp_in, std::move(one));
    if (now == push_status::ok) continue;
    return end_->send(pp_in, std::move(one)) == push_status::ok ? "sent" : "end";
  }
}

void payload_pipe_scenario::release() {
  if (case_.what == payload_pipe_operation::send_wait)
    received_.push_back(std::move(end_->try_receive().value()));
  else (void)end_->try_send(pp_of_release, filled(*pool_, pp_of_release));
}

std::string payload_pipe_scenario::listen(killpoint::sleeper_news& sleeper) {
  using enum payload_pipe_operation;
  const bool loans = case_.other == payload_pipe_sleeper::loaner;
  // What the victim received or sent is in use, as before.
  if (loans && case_.what != close && case_.what != detach && case_.what != sweep) return {};
  if (sleeper.wait(killpoint::hang_limit)) return {};
  return "the sleeper was not woken by the operation";
}

void payload_pipe_scenario::finish() {
  received_.clear();
  lent_.clear();
  held_.clear();
  heard_.clear();
  raw_pool_.reset();
  end_.reset();
  pool_.reset();
}

std::string payload_pipe_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
