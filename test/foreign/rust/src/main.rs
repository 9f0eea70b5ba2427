//! What a program in Rust does with the cache, over the official Arrow Flight client (arrow-flight on tonic).
//!
//! Run by `npm run test:foreign` with the address of a server. Prints a line for each case, `ok NAME` or `FAILED NAME: WHY`, and
//! ends with 1 when one has failed.
use std::sync::Arc;
use std::time::Duration;

use arrow_array::types::Int32Type;
use arrow_array::{DictionaryArray, Int64Array, RecordBatch};
use arrow_flight::decode::DecodedPayload;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, Criteria, FlightClient, FlightData, FlightDescriptor, Ticket};
use arrow_ipc::{MessageHeader, root_as_message};
use arrow_schema::{DataType, Field, Schema};
use futures::channel::mpsc;
use futures::{StreamExt, TryStreamExt, stream};
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Outcome = Result<(), Failure>;

fn expect(is_so: bool, otherwise: String) -> Outcome {
    if is_so { Ok(()) } else { Err(otherwise.into()) }
}

fn schema() -> Arc<Schema> {
    let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let number = Field::new("number", DataType::Int64, false);
    Arc::new(Schema::new(vec![number, Field::new("word", words, true)]))
}

/// Has a dictionary of its own, so that one comes with each.
fn batch(number: i64, texts: &[&str]) -> RecordBatch {
    let numbers = Int64Array::from(vec![number; texts.len()]);
    let words: DictionaryArray<Int32Type> = texts.iter().copied().collect();
    RecordBatch::try_new(schema(), vec![Arc::new(numbers), Arc::new(words)]).expect("columns fit")
}

fn batches() -> Vec<RecordBatch> {
    vec![
        batch(1, &["a", "b"]),
        batch(2, &["c"]),
        batch(3, &["a", "b", "c"]),
    ]
}

fn descriptor(key: &str) -> FlightDescriptor {
    FlightDescriptor::new_path(vec![key.to_string()])
}

fn is_record_batch(data: &FlightData) -> bool {
    root_as_message(&data.data_header)
        .is_ok_and(|message| message.header_type() == MessageHeader::RecordBatch)
}

/// The messages of a put, each record batch with app_metadata.
async fn marked(key: &str, batches: Vec<RecordBatch>) -> Result<Vec<FlightData>, Failure> {
    let encoder = FlightDataEncoderBuilder::new()
        .with_schema(schema())
        .with_flight_descriptor(Some(descriptor(key)))
        .with_dictionary_handling(DictionaryHandling::Resend)
        .build(stream::iter(batches.into_iter().map(Ok)));
    let mut messages: Vec<FlightData> = encoder.try_collect().await?;
    for (number, each) in messages
        .iter_mut()
        .filter(|each| is_record_batch(each))
        .enumerate()
    {
        each.app_metadata = format!("batch {number}").into();
    }
    Ok(messages)
}

/// Sends each record batch after the one before it was answered, as the integration tests of Arrow do.
async fn put(client: &mut FlightClient, key: &str, batches: Vec<RecordBatch>) -> Outcome {
    let (sender, receiver) = mpsc::unbounded::<Result<FlightData, FlightError>>();
    let mut messages = marked(key, batches).await?.into_iter();
    let mut send_next = || -> Option<String> {
        for message in messages.by_ref() {
            let mark = is_record_batch(&message)
                .then(|| String::from_utf8_lossy(&message.app_metadata).into_owned());
            sender.unbounded_send(Ok(message)).ok()?;
            if mark.is_some() {
                return mark;
            }
        }
        None
    };
    let mut wanted = send_next();
    let mut answers = client.do_put(receiver).await?;
    while let Some(mark) = wanted {
        let answer = answers.next().await.ok_or("too few answers")??;
        expect(
            answer.app_metadata == mark,
            format!("{mark} was answered by {:?}", answer.app_metadata),
        )?;
        wanted = send_next();
    }
    drop(send_next);
    sender.close_channel();
    expect(
        answers.next().await.is_none(),
        "one answer more than batches".into(),
    )
}

async fn get(
    client: &mut FlightClient,
    ticket: &str,
) -> Result<Vec<(RecordBatch, String)>, FlightError> {
    let mut decoder = client
        .do_get(Ticket::new(ticket.to_string()))
        .await?
        .into_inner();
    let mut found = Vec::new();
    while let Some(data) = decoder.next().await {
        let data = data?;
        let mark = String::from_utf8_lossy(&data.app_metadata()).into_owned();
        if let DecodedPayload::RecordBatch(batch) = data.payload {
            found.push((batch, mark));
        }
    }
    Ok(found)
}

fn expect_code<T>(result: Result<T, FlightError>, codes: &[Code]) -> Outcome {
    match result {
        Err(FlightError::Tonic(status)) if codes.contains(&status.code()) => Ok(()),
        Err(error) => Err(format!("expected {codes:?}, got {error}").into()),
        Ok(_) => Err(format!("expected {codes:?}, got no error").into()),
    }
}

async fn put_and_get(client: &mut FlightClient, key: &str) -> Outcome {
    put(client, key, batches()).await?;
    for ticket in [key.to_string(), format!("{key}:0")] {
        let found = get(client, &ticket).await?;
        expect(
            found.len() == 3,
            format!("{} batches came back", found.len()),
        )?;
        for (number, ((came, mark), sent)) in found.iter().zip(batches()).enumerate() {
            expect(
                came.columns() == sent.columns(),
                format!("batch {number} came back as {came:?}"),
            )?;
            expect(
                *mark == format!("batch {number}"),
                format!("batch {number} came back with {mark}"),
            )?;
        }
    }
    Ok(())
}

async fn conditional_get(client: &mut FlightClient) -> Outcome {
    put(client, "rust/s/conditional", batches()).await?;
    let found = get(client, "rust/s/conditional:1").await?;
    expect(
        found.is_empty(),
        "batches of an object that was not modified".into(),
    )
}

async fn list_and_info(client: &mut FlightClient) -> Outcome {
    put(client, "rust/list/one", batches()).await?;
    let expression = Criteria {
        expression: "rust/list".into(),
    };
    let mut infos: Vec<_> = client
        .list_flights(expression.expression)
        .await?
        .try_collect()
        .await?;
    expect(
        infos.len() == 1,
        format!("{} objects in the list", infos.len()),
    )?;
    infos.push(client.get_flight_info(descriptor("rust/list/one")).await?);
    for info in infos {
        let rows = info.total_records;
        let ticket = info.endpoint[0].ticket.clone().ok_or("no ticket")?.ticket;
        let found: Schema = info.try_decode_schema()?;
        expect(found == *schema(), format!("schema: {found}"))?;
        expect(
            rows == 6 && ticket == "rust/list/one",
            format!("{rows} rows, ticket {ticket:?}"),
        )?;
    }
    Ok(())
}

async fn delete(client: &mut FlightClient) -> Outcome {
    put(client, "rust/s/deleted", batches()).await?;
    let action = Action {
        r#type: "DELETE".into(),
        body: "rust/s/deleted".into(),
    };
    let answers: Vec<_> = client.do_action(action).await?.try_collect().await?;
    expect(answers == ["OK"], format!("answered {answers:?}"))?;
    expect_code(get(client, "rust/s/deleted").await, &[Code::NotFound])
}

/// tonic looks at the time itself, and calls it CANCELLED in some versions.
async fn deadline(client: &mut FlightClient) -> Outcome {
    let mut request = tonic::Request::new(stream::pending::<FlightData>());
    request.set_timeout(Duration::from_millis(200));
    let result = client
        .inner_mut()
        .do_put(request)
        .await
        .map_err(FlightError::from);
    expect_code(result, &[Code::DeadlineExceeded, Code::Cancelled])
}

/// Lets go of the answers after the first batch was acknowledged: tonic resets the call.
async fn cancelled_put(client: &mut FlightClient) -> Outcome {
    let messages = marked("rust/s/cancelled", batches()).await?;
    let endless = stream::iter(messages.into_iter().map(Ok)).chain(stream::pending());
    let mut answers = client.do_put(endless).await?;
    answers.next().await.ok_or("no answer")??;
    drop(answers);
    expect_code(get(client, "rust/s/cancelled").await, &[Code::NotFound])
}

async fn run(name: &str, address: &str) -> Outcome {
    let channel = Channel::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let mut client = FlightClient::new(channel.clone());
    match name {
        "put and get" => put_and_get(&mut client, "rust/s/table").await,
        "put and get by gzip" => {
            let compressing =
                FlightServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
            put_and_get(
                &mut FlightClient::new_from_inner(compressing),
                "rust/s/gzip",
            )
            .await
        }
        "conditional get" => conditional_get(&mut client).await,
        "list and flight info with schema" => list_and_info(&mut client).await,
        "delete" => delete(&mut client).await,
        "deadline" => deadline(&mut client).await,
        _ => cancelled_put(&mut client).await,
    }
}

const CASES: [&str; 7] = [
    "put and get",
    "put and get by gzip",
    "conditional get",
    "list and flight info with schema",
    "delete",
    "deadline",
    "cancelled put",
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = std::env::args().nth(1).expect("the address of a server");
    let mut failures = 0;
    for name in CASES {
        let outcome = match tokio::time::timeout(Duration::from_secs(30), run(name, &address)).await
        {
            Ok(outcome) => outcome,
            Err(_) => Err("no end within 30 s".into()),
        };
        match outcome {
            Ok(()) => println!("ok {name}"),
            Err(failure) => {
                failures += 1;
                println!("FAILED {name}: {failure}");
            }
        }
    }
    std::process::exit(if failures > 0 { 1 } else { 0 });
}
