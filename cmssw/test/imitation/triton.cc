#include "triton.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace {

/// Closed at the end.
class Connection {
public:
  explicit Connection(const std::string& address) {
    const auto colon = address.rfind(':');
    addrinfo wanted{}, *found = nullptr;
    wanted.ai_socktype = SOCK_STREAM;
    if (colon == std::string::npos ||
        getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &wanted, &found) != 0)
      throw std::runtime_error("no address " + address);
    socket_ = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    const bool isConnected = connect(socket_, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (!isConnected) {
      close(socket_);
      throw std::runtime_error("no server at " + address);
    }
  }
  Connection(const Connection&) = delete;
  ~Connection() { close(socket_); }

  std::string ask(const std::string& request) {
    for (std::size_t sent = 0; sent < request.size();) {
      const ssize_t step = send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      if (step <= 0)
        throw std::runtime_error("the server hung up");
      sent += step;
    }
    std::string answer;
    char part[65536];
    for (ssize_t step; (step = recv(socket_, part, sizeof part, 0)) > 0;)
      answer.append(part, step);
    return answer;
  }

private:
  int socket_;
};

/// The number that follows the first of these words, after a position.
std::size_t numberAfter(const std::string& text, const std::string& word, std::size_t from = 0) {
  const auto at = text.find(word, from);
  if (at == std::string::npos)
    throw std::runtime_error("no " + word + " in the answer: " + text.substr(0, 300));
  return std::stoul(text.substr(at + word.size()));
}

std::string requestOf(const TritonInputMap& inputs) {
  std::string json = R"({"parameters":{"binary_data_output":true},"inputs":[)", data;
  for (const auto& [name, tensor] : inputs.tensors()) {
    json += (data.empty() && json.back() == '[' ? "" : ",") + std::string(R"({"name":")") + name +
            R"(","shape":[1,)" + std::to_string(tensor.length()) + R"(],"datatype":")" + tensor.type() +
            R"(","parameters":{"binary_data_size":)" + std::to_string(tensor.bytes().size()) + "}}";
    data += tensor.bytes();
  }
  json += "]}";
  return "Inference-Header-Content-Length: " + std::to_string(json.size()) +
         "\r\nContent-Length: " + std::to_string(json.size() + data.size()) + "\r\n\r\n" + json + data;
}

TritonOutputMap answersOf(const std::string& answer) {
  const auto body = answer.find("\r\n\r\n") + 4;
  if (answer.rfind("HTTP/1.1 200", 0) != 0)
    throw std::runtime_error("refused: " + answer.substr(body, 300));
  const std::size_t header = numberAfter(answer, "Inference-Header-Content-Length: ");
  const std::string json = answer.substr(body, header);
  TritonOutputMap outputs;
  std::size_t place = body + header, at = json.find("\"outputs\"");
  while ((at = json.find("\"name\":\"", at)) != std::string::npos) {
    at += 8;
    const std::string name = json.substr(at, json.find('"', at) - at);
    const std::size_t size = numberAfter(json, "\"binary_data_size\":", at);
    outputs.emplace(name, TritonOutputData(answer.substr(place, size)));
    place += size;
  }
  return outputs;
}

}  // namespace

TritonOutputMap TritonClient::ask(const TritonInputMap& inputs) const {
  const char* address = std::getenv("E2E_TEST_TRITON");
  std::string why;
  for (unsigned tried = 0; tried <= tries_; ++tried) {
    try {
      return answersOf(Connection(address == nullptr ? "" : address)
                           .ask("POST /v2/models/" + model_ + "/infer HTTP/1.1\r\nHost: triton\r\nConnection: close\r\n" +
                                requestOf(inputs)));
    } catch (const std::runtime_error& error) {
      why = error.what();
    }
  }
  throw cms::Exception("TritonFailure") << "call to model " << model_ << " failed after " << tries_ + 1
                                        << " tries: " << why;
}

void TritonClient::fillPSetDescription(edm::ParameterSetDescription& description) {
  edm::ParameterSetDescription client;
  client.add<std::string>("mode", "Async");
  client.add<std::string>("modelName");
  client.add<std::string>("modelVersion", "");
  client.add<edm::FileInPath>("modelConfigPath");
  client.add<unsigned>("timeout", 30);
  client.add<std::string>("timeoutUnit", "seconds");
  client.add<bool>("verbose", false);
  client.add<unsigned>("allowedTries", 0);
  client.add<bool>("useSharedMemory", true);
  client.add<std::string>("compression", "");
  description.add<edm::ParameterSetDescription>("Client", client);
}
