package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// deadlineView is a deadline that runs.
type deadlineView struct {
	Kind     string       `json:"kind" doc:"What it is for" example:"holder_window"`
	Article  string       `json:"article" doc:"The article of the protocol that sets it" example:"4(a) para. 3"`
	From     workday.Date `json:"from" format:"date" doc:"The day of the event that started it, which is not counted" example:"2026-05-12"`
	Due      workday.Date `json:"due" format:"date" doc:"Its last day, in Belgium" example:"2026-05-26"`
	Ends     time.Time    `json:"ends" doc:"When it is over: 24:00 in Belgium of that day" example:"2026-05-26T22:00:00Z"`
	IfSilent string       `json:"if_silent" enum:"alarm,reminder,reinstated,cancelled,released" doc:"What happens then if nobody answers"`
	Meaning  string       `json:"meaning" doc:"The same, for people" example:"The authority is reminded, and has 14 days to decide."`
	Word     int          `json:"word,omitempty" doc:"Number of the event with the holder's word that it is about"`
	Overdue  bool         `json:"overdue" doc:"Whether it has ended, and what it asks for is still owed"`
}

// meanings says what silence brings.
var meanings = map[procedure.DeadlineKind]string{
	procedure.ApprovalDeadline:  "An alarm is raised, for the holder was not written to. The case waits for the registry.",
	procedure.RelayDeadline:     "An alarm is raised, for the holder's word was not passed on. The other clocks run on.",
	procedure.WindowDeadline:    "The authority is reminded, and has 14 days to decide.",
	procedure.ReminderDeadline:  "The names are reinstated, for the authority did not answer the reminder.",
	procedure.ClaimDeadline:     "The names are reinstated, for the authority did not answer the holder's claim.",
	procedure.AuthorityDeadline: "The names are reinstated, for the authority did not decide on the claim or request that reached it.",
	procedure.RemovalDeadline:   "The names are cancelled and put in quarantine, as the authority decided.",
	procedure.ReleaseDeadline:   "The names can be registered again, once their cancellation is confirmed.",
}

func showDeadline(d procedure.Deadline) deadlineView {
	return deadlineView{
		Kind: string(d.Kind), Article: d.Article(), From: d.From, Due: d.Due, Ends: d.Ends(),
		IfSilent: string(d.IfSilent()), Meaning: meanings[d.Kind], Word: d.Word, Overdue: d.Overdue,
	}
}

// showDeadlines returns those of a case, the earliest first.
func showDeadlines(c procedure.Case) []deadlineView {
	running := slices.Clone(c.Deadlines)
	slices.SortStableFunc(running, func(a, b procedure.Deadline) int { return int(a.Due - b.Due) })
	views := make([]deadlineView, 0, len(running))
	for _, d := range running {
		views = append(views, showDeadline(d))
	}
	return views
}

type deadlinesInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most deadlines to show"`
}

type deadlinesOutput struct{ Body deadlinesReply }

type deadlinesReply struct {
	Deadlines []caseDeadline `json:"deadlines" nullable:"false" doc:"The earliest first"`
}

type caseDeadline struct {
	Case      string       `json:"case" doc:"The case in which it runs" example:"2026-00001"`
	Authority string       `json:"authority" doc:"Of the case" example:"apd-gba"`
	State     caseState    `json:"state" doc:"Of the case"`
	Names     []string     `json:"names" nullable:"false" doc:"That are still in the procedure" example:"example.be"`
	Deadline  deadlineView `json:"deadline" doc:"The deadline"`
}

func (h *Handler) deadlines(ctx context.Context, in *deadlinesInput) (*deadlinesOutput, error) {
	running, err := h.config.Cases.Deadlines(asking(ctx), in.Limit)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &deadlinesOutput{Body: deadlinesReply{Deadlines: make([]caseDeadline, 0, len(running))}}
	for _, r := range running {
		out.Body.Deadlines = append(out.Body.Deadlines, caseDeadline{
			Case: r.Case, Authority: r.Authority, State: caseState(r.State), Names: orEmpty(r.Names), Deadline: showDeadline(r.Deadline),
		})
	}
	return out, nil
}

// task is something that only a person can see to.
type task struct {
	ID       uint64    `json:"id" doc:"Its id" example:"1"`
	Kind     string    `json:"kind" enum:"deadline,order,mail,notice" doc:"deadline: one of the registry has passed. order: one is to be carried out by hand, or was refused. mail: one could not be delivered. notice: one that came in waits to be read"`
	Case     string    `json:"case,omitempty" doc:"The case it is about" example:"2026-00001"`
	Message  uint64    `json:"message,omitempty" doc:"The number of the message it is about" example:"1"`
	Notice   string    `json:"notice,omitempty" doc:"The id of the notice it is about" example:"N2026-00001"`
	Deadline string    `json:"deadline,omitempty" doc:"The deadline that has passed" example:"approval"`
	Detail   string    `json:"detail" doc:"What is to be done"`
	Opened   time.Time `json:"opened" doc:"Since when it waits" example:"2026-05-14T22:00:00Z"`
	Closed   time.Time `json:"closed,omitzero" doc:"Absent: it is open"`
	ClosedBy string    `json:"closed_by,omitempty" doc:"Who closed it" example:"uid:1000"`
}

func showTask(t store.Task) task {
	return task{
		ID: t.ID, Kind: string(t.Kind), Case: t.Case, Message: t.Outgoing, Notice: t.Notice, Deadline: string(t.Deadline),
		Detail: t.Detail, Opened: t.Opened, Closed: t.Closed, ClosedBy: t.ClosedBy,
	}
}

func showTasks(all []store.Task) []task {
	tasks := make([]task, 0, len(all))
	for _, t := range all {
		tasks = append(tasks, showTask(t))
	}
	return tasks
}

type tasksInput struct {
	All   bool   `query:"all" doc:"Also those that are closed"`
	Case  string `query:"case" doc:"Only those about this case" example:"2026-00001"`
	After uint64 `query:"after" doc:"Only tasks after this one: the previous page's \"next\"" example:"0"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most tasks on the page"`
}

type tasksOutput struct{ Body tasksReply }

type tasksReply struct {
	Tasks []task `json:"tasks" nullable:"false" doc:"The oldest first"`
	Next  uint64 `json:"next,omitempty" doc:"\"after\" of the next page; absent on the last" example:"100"`
}

func (h *Handler) listTasks(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
	all, next, err := h.config.Cases.Tasks(asking(ctx), store.TaskQuery{After: in.After, Open: !in.All, Case: in.Case}, in.Limit)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return &tasksOutput{Body: tasksReply{Tasks: showTasks(all), Next: next}}, nil
}

type closeTaskInput struct {
	Trial
	ID   uint64 `path:"id" doc:"The id of the task" example:"1"`
	Body reasonBody
}

type reasonBody struct {
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; the journal keeps it, so it must hold no personal data" example:"done by hand"`
}

type taskOutput struct{ Body task }

func (h *Handler) closeTask(ctx context.Context, in *closeTaskInput) (*taskOutput, error) {
	t, err := h.config.Cases.CloseTask(context.WithoutCancel(ctx), in.order(ctx), in.ID, in.Body.Reason)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	in.note(ctx, fmt.Sprintf("task %d", in.ID))
	return &taskOutput{Body: showTask(t)}, nil
}
