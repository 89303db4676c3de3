package api

import "context"

type verifyInput struct{ CasePath }

type verifyOutput struct{ Body verified }

type verified struct {
	Case   string `json:"case" doc:"The id of the case" example:"2026-00001"`
	Events int    `json:"events" doc:"How many events it has, all as the journal tells" example:"4"`
	Erased int    `json:"erased" doc:"Of how many the personal data was erased, so that only their order was checked" example:"0"`
}

func (h *Handler) verify(ctx context.Context, in *verifyInput) (*verifyOutput, error) {
	v, err := h.config.Cases.Case(asking(ctx), in.ID)
	if err == nil {
		err = h.config.Cases.Verify(in.ID)
	}
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &verifyOutput{Body: verified{Case: in.ID, Events: len(v.Events)}}
	for _, e := range v.Events {
		if e.Erased {
			out.Body.Erased++
		}
	}
	return out, nil
}
