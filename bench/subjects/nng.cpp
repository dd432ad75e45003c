// nng: push and pull over ipc.

#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#ifdef HAWSER_BENCH_NNG
#include <memory>
#include <string>
#include <utility>

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

std::string next_address() {
  static unsigned made = 0;
  return "abstract://hawser-bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

void demand(int result, const char* call) {
  if (result != 0) throw wrong_figure{std::string{call} + ": " + nng_strerror(result)};
}

class socket {
 public:
  template <class Open>
  socket(Open open, std::size_t room) {
    demand(open(&socket_), "nng_open");
    for (const char* option : {NNG_OPT_SENDBUF, NNG_OPT_RECVBUF})
      nng_socket_set_int(socket_, option, static_cast<int>(room));
  }
  socket(socket&& other) noexcept : socket_(std::exchange(other.socket_, nng_socket{})) {}
  ~socket() {
    if (nng_socket_id(socket_) > 0) nng_close(socket_);
  }
  nng_socket get() const { return socket_; }

 private:
  nng_socket socket_{};
};

template <class Message>
class over_nng {
 public:
  class sender {
   public:
    explicit sender(const std::string& address)
        : socket_(nng_push0_open, room_for(sizeof(Message))) {
      demand(nng_dial(socket_.get(), address.c_str(), nullptr, 0), "nng_dial");
    }
    void send(const Message& message) {
      demand(nng_send(socket_.get(), const_cast<Message*>(&message), sizeof message, 0),
             "nng_send");
    }
    void flush() {}

   private:
    socket socket_;
  };

  class receiver {
   public:
    explicit receiver(const std::string& address)
        : socket_(nng_pull0_open, room_for(sizeof(Message))) {
      nng_socket_set_size(socket_.get(), NNG_OPT_RECVMAXSZ, 0);
      demand(nng_listen(socket_.get(), address.c_str(), nullptr, 0), "nng_listen");
    }
    template <class Use>
    std::size_t receive(Use&& use) {
      nng_msg* message = nullptr;
      demand(nng_recvmsg(socket_.get(), &message, 0), "nng_recvmsg");
      if (nng_msg_len(message) != sizeof(Message)) throw wrong_figure{"a message has another size"};
      use(*static_cast<const Message*>(nng_msg_body(message)));
      nng_msg_free(message);
      return 1;
    }

   private:
    socket socket_;
  };

  receiver create_receiver() { return receiver{address_}; }
  sender open_sender() { return sender{address_}; }

 private:
  std::string address_ = next_address();
};

}  // namespace

void add_nng(std::vector<measurement>& all) {
  const std::string subject = "nng";
  add_throughput_of_all_sizes<over_nng>(all, subject);
  add_blocking<over_nng>(all, subject);
  add_one_cpu<over_nng>(all, subject);
  add_many<over_nng>(all, subject, 8, 1);
}

}  // namespace hawser::bench
#else
void hawser::bench::add_nng(std::vector<measurement>& all) { add_absent(all, "nng", "libnng-dev"); }
#endif
