import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.AsyncPutListener;
import org.apache.arrow.flight.CallOptions;
import org.apache.arrow.flight.CallStatus;
import org.apache.arrow.flight.Criteria;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.SyncPutListener;
import org.apache.arrow.flight.Ticket;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * What a program in Java does with the cache, over the official Arrow Flight client.
 *
 * <p>Run by `npm run test:foreign` with the address of a server. Prints a line for each case, `ok NAME` or `FAILED NAME: WHY`,
 * and ends with 1 when one has failed.
 */
public final class Client {
  private static final String[] WORDS = {"a", "b", "c"};
  private static final int ROWS = 5;

  private interface Case {
    void run(FlightClient client, BufferAllocator allocator) throws Exception;
  }

  private record Received(Schema schema, List<Integer> rows, List<String> marks, List<String> words) {}

  public static void main(String[] arguments) {
    String[] address = arguments[0].split(":");
    Location location = Location.forGrpcInsecure(address[0], Integer.parseInt(address[1]));
    int failures = 0;
    failures += run("put and get", location, Client::putAndGet);
    failures += run("conditional get", location, Client::conditionalGet);
    failures += run("list and flight info with schema", location, Client::listAndInfo);
    failures += run("delete", location, Client::delete);
    failures += run("deadline", location, Client::deadline);
    failures += run("cancelled put", location, Client::cancelledPut);
    System.exit(failures > 0 ? 1 : 0);
  }

  private static int run(String name, Location location, Case work) {
    try (BufferAllocator allocator = new RootAllocator();
        FlightClient client = FlightClient.builder(allocator, location).build()) {
      work.run(client, allocator);
      System.out.println("ok " + name);
      return 0;
    } catch (Exception error) {
      System.out.println("FAILED " + name + ": " + error);
      return 1;
    }
  }

  private static void expect(boolean isSo, String otherwise) {
    if (!isSo) throw new IllegalStateException(otherwise);
  }

  private static void expectStatus(FlightStatusCode code, Runnable call) {
    try {
      call.run();
    } catch (FlightRuntimeException error) {
      CallStatus status = error.status();
      if (status.code() == code) return;
      throw error;
    }
    throw new IllegalStateException("no error where " + code + " was expected");
  }

  /** A table with a dictionary, which the client sends once, in front of the first batch. */
  private static final class Table implements AutoCloseable {
    final DictionaryProvider.MapDictionaryProvider dictionaries = new DictionaryProvider.MapDictionaryProvider();
    final BigIntVector numbers;
    final VarCharVector plain;
    final VarCharVector words;
    final VectorSchemaRoot root;

    Table(BufferAllocator allocator) {
      words = vectorOf("words", allocator, WORDS);
      Dictionary dictionary = new Dictionary(words, new DictionaryEncoding(1, false, null));
      dictionaries.put(dictionary);
      String[] texts = new String[ROWS];
      for (int row = 0; row < ROWS; row++) texts[row] = WORDS[row % WORDS.length];
      plain = vectorOf("word", allocator, texts);
      numbers = new BigIntVector("number", allocator);
      numbers.allocateNew(ROWS);
      for (int row = 0; row < ROWS; row++) numbers.set(row, row);
      numbers.setValueCount(ROWS);
      FieldVector encoded = (FieldVector) DictionaryEncoder.encode(plain, dictionary);
      root = VectorSchemaRoot.of(numbers, encoded);
      root.setRowCount(ROWS);
    }

    @Override
    public void close() {
      root.close();
      plain.close();
      words.close();
    }
  }

  private static VarCharVector vectorOf(String name, BufferAllocator allocator, String[] texts) {
    VarCharVector vector = new VarCharVector(name, allocator);
    vector.allocateNew();
    for (int row = 0; row < texts.length; row++) {
      vector.setSafe(row, texts[row].getBytes(StandardCharsets.UTF_8));
    }
    vector.setValueCount(texts.length);
    return vector;
  }

  private static ArrowBuf markOf(BufferAllocator allocator, int batch) {
    byte[] text = ("batch " + batch).getBytes(StandardCharsets.UTF_8);
    ArrowBuf mark = allocator.buffer(text.length);
    mark.writeBytes(text);
    return mark;
  }

  private static String textOf(ArrowBuf bytes) {
    byte[] text = new byte[(int) bytes.readableBytes()];
    bytes.getBytes(bytes.readerIndex(), text);
    return new String(text, StandardCharsets.UTF_8);
  }

  /** Puts as many batches, each with app_metadata, and waits for the answer to each. */
  private static Schema put(FlightClient client, BufferAllocator allocator, String key, int batches)
      throws Exception {
    try (Table table = new Table(allocator);
        SyncPutListener answers = new SyncPutListener()) {
      FlightDescriptor descriptor = FlightDescriptor.path(key);
      FlightClient.ClientStreamListener writer =
          client.startPut(descriptor, table.root, table.dictionaries, answers);
      for (int batch = 0; batch < batches; batch++) {
        writer.putNext(markOf(allocator, batch));
        try (PutResult answer = answers.poll(30, TimeUnit.SECONDS)) {
          expect(answer != null, "no answer to batch " + batch);
          String mark = textOf(answer.getApplicationMetadata());
          expect(mark.equals("batch " + batch), "batch " + batch + " was answered by " + mark);
        }
      }
      writer.completed();
      expect(answers.poll(30, TimeUnit.SECONDS) == null, "one answer more than batches");
      return table.root.getSchema();
    }
  }

  private static Received get(FlightClient client, String ticket) throws Exception {
    List<Integer> rows = new ArrayList<>();
    List<String> marks = new ArrayList<>();
    List<String> words = new ArrayList<>();
    try (FlightStream stream = client.getStream(new Ticket(ticket.getBytes(StandardCharsets.UTF_8)))) {
      while (stream.next()) {
        VectorSchemaRoot root = stream.getRoot();
        rows.add(root.getRowCount());
        marks.add(textOf(stream.getLatestMetadata()));
        FieldVector encoded = root.getVector("word");
        long id = encoded.getField().getDictionary().getId();
        try (FieldVector decoded =
            (FieldVector) DictionaryEncoder.decode(encoded, stream.getDictionaryProvider().lookup(id))) {
          for (int row = 0; row < root.getRowCount(); row++) words.add(decoded.getObject(row).toString());
        }
      }
      return new Received(stream.getSchema(), rows, marks, words);
    }
  }

  private static void putAndGet(FlightClient client, BufferAllocator allocator) throws Exception {
    put(client, allocator, "java/s/table", 3);
    for (String ticket : new String[] {"java/s/table", "java/s/table:0"}) {
      Received found = get(client, ticket);
      expect(found.rows.equals(List.of(ROWS, ROWS, ROWS)), "rows came back as " + found.rows);
      expect(found.marks.equals(List.of("batch 0", "batch 1", "batch 2")), "marks: " + found.marks);
      expect(found.words.subList(0, ROWS).equals(List.of("a", "b", "c", "a", "b")), "words: " + found.words);
    }
  }

  private static void conditionalGet(FlightClient client, BufferAllocator allocator) throws Exception {
    put(client, allocator, "java/s/conditional", 1);
    try (FlightStream stream = client.getStream(new Ticket("java/s/conditional:1".getBytes(StandardCharsets.UTF_8)))) {
      expect(!stream.next(), "a batch of an object that was not modified");
    }
  }

  private static void listAndInfo(FlightClient client, BufferAllocator allocator) throws Exception {
    Schema schema = put(client, allocator, "java/list/one", 1);
    List<FlightInfo> infos = new ArrayList<>();
    client.listFlights(new Criteria("java/list".getBytes(StandardCharsets.UTF_8))).forEach(infos::add);
    expect(infos.size() == 1, infos.size() + " objects in the list");
    infos.add(client.getInfo(FlightDescriptor.path("java/list/one")));
    for (FlightInfo info : infos) {
      List<String> names = new ArrayList<>();
      info.getSchema().getFields().forEach(field -> names.add(field.getName()));
      expect(names.size() == schema.getFields().size(), "schema: " + info.getSchema());
      expect(info.getRecords() == ROWS, "rows: " + info.getRecords());
      String ticket = new String(info.getEndpoints().get(0).getTicket().getBytes(), StandardCharsets.UTF_8);
      expect(ticket.equals("java/list/one"), "ticket: " + ticket);
    }
  }

  private static void delete(FlightClient client, BufferAllocator allocator) throws Exception {
    put(client, allocator, "java/s/deleted", 1);
    Action action = new Action("DELETE", "java/s/deleted".getBytes(StandardCharsets.UTF_8));
    String answer = new String(client.doAction(action).next().getBody(), StandardCharsets.UTF_8);
    expect(answer.equals("OK"), "answered " + answer);
    expectStatus(FlightStatusCode.NOT_FOUND, () -> getAgain(client, "java/s/deleted"));
  }

  private static void getAgain(FlightClient client, String ticket) {
    try {
      get(client, ticket);
    } catch (FlightRuntimeException error) {
      throw error;
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
  }

  private static void deadline(FlightClient client, BufferAllocator allocator) {
    try (Table table = new Table(allocator)) {
      FlightClient.ClientStreamListener writer =
          client.startPut(
              FlightDescriptor.path("java/s/late"),
              table.root,
              table.dictionaries,
              new AsyncPutListener(),
              CallOptions.timeout(200, TimeUnit.MILLISECONDS));
      expectStatus(FlightStatusCode.TIMED_OUT, writer::getResult);
    }
  }

  private static void cancelledPut(FlightClient client, BufferAllocator allocator) throws Exception {
    try (Table table = new Table(allocator);
        SyncPutListener answers = new SyncPutListener()) {
      FlightDescriptor descriptor = FlightDescriptor.path("java/s/cancelled");
      FlightClient.ClientStreamListener writer =
          client.startPut(descriptor, table.root, table.dictionaries, answers);
      writer.putNext(markOf(allocator, 0));
      answers.poll(30, TimeUnit.SECONDS).close();
      writer.error(CallStatus.CANCELLED.toRuntimeException());
    }
    expectStatus(FlightStatusCode.NOT_FOUND, () -> getAgain(client, "java/s/cancelled"));
  }
}
