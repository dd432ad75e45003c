// ZeroMQ: PUSH and PULL over ipc, which batches by itself.

#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#ifdef HAWSER_BENCH_ZEROMQ
#include <cerrno>
#include <memory>
#include <string>

#include <unistd.h>
#include <zmq.h>

namespace hawser::bench {
namespace {

std::string next_address() {
  static unsigned made = 0;
  return "ipc://@hawser-bench-" + std::to_string(getpid()) + "-" + std::to_string(++made);
}

void demand(bool done, const char* call) {
  if (!done) throw wrong_figure{std::string{call} + ": " + zmq_strerror(zmq_errno())};
}

/// A context with one socket. Its end waits until all has been sent.
class socket {
 public:
  socket(int type, std::size_t room)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_.get(), type)) {
    demand(socket_ != nullptr, "zmq_socket");
    const int messages = static_cast<int>(room);
    zmq_setsockopt(socket_.get(), ZMQ_SNDHWM, &messages, sizeof messages);
    zmq_setsockopt(socket_.get(), ZMQ_RCVHWM, &messages, sizeof messages);
  }
  void* get() const { return socket_.get(); }

 private:
  struct end_context {
    void operator()(void* context) const { zmq_ctx_term(context); }
  };
  struct close_socket {
    void operator()(void* socket) const { zmq_close(socket); }
  };
  std::unique_ptr<void, end_context> context_;
  std::unique_ptr<void, close_socket> socket_;
};

template <class Message>
class zeromq {
 public:
  class sender {
   public:
    explicit sender(const std::string& address) : socket_(ZMQ_PUSH, room_for(sizeof(Message))) {
      demand(zmq_connect(socket_.get(), address.c_str()) == 0, "zmq_connect");
    }
    void send(const Message& message) {
      demand(zmq_send(socket_.get(), &message, sizeof message, 0) >= 0, "zmq_send");
    }
    void flush() {}

   private:
    socket socket_;
  };

  class receiver {
   public:
    explicit receiver(const std::string& address) : socket_(ZMQ_PULL, room_for(sizeof(Message))) {
      demand(zmq_bind(socket_.get(), address.c_str()) == 0, "zmq_bind");
      zmq_msg_init(&message_);
    }
    receiver(receiver&& other) = delete;
    ~receiver() { zmq_msg_close(&message_); }
    template <class Use>
    std::size_t receive(Use&& use) {
      demand(zmq_msg_recv(&message_, socket_.get(), 0) == sizeof(Message), "zmq_msg_recv");
      use(*static_cast<const Message*>(zmq_msg_data(&message_)));
      return 1;
    }
    template <class Use>
    std::size_t try_receive(Use&& use) {
      const int bytes = zmq_msg_recv(&message_, socket_.get(), ZMQ_DONTWAIT);
      if (bytes < 0) return 0;
      use(*static_cast<const Message*>(zmq_msg_data(&message_)));
      return 1;
    }

   private:
    socket socket_;
    zmq_msg_t message_;
  };

  receiver create_receiver() { return receiver{address_}; }
  sender open_sender() { return sender{address_}; }

 private:
  std::string address_ = next_address();
};

}  // namespace

void add_zeromq(std::vector<measurement>& all) {
  const std::string subject = "zeromq";
  add_throughput_of_all_sizes<zeromq>(all, subject);
  add_blocking<zeromq>(all, subject);
  add_one_cpu<zeromq>(all, subject);
  add_many<zeromq>(all, subject, 8, 1);
}

}  // namespace hawser::bench
#else
void hawser::bench::add_zeromq(std::vector<measurement>& all) {
  add_absent(all, "zeromq", "libzmq3-dev");
}
#endif
